"""A witness for others' logs (c2sp.org/tlog-witness): signs a checkpoint if it continues the last
one it signed, and nothing else. Two operators who run one for each other keep each other honest.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bezant import telemetry
from bezant.audit.witness.memory import Memory, key_of
from bezant.clock import Clock
from bezant_verify import note as notes
from bezant_verify.checkpoint import Checkpoint, Trust, whole
from bezant_verify.merkle import EMPTY_ROOT, PATH_MAX, BadProof, verify_consistency
from bezant_verify.note import BadNote, Line, Misread, Note

BODY_BYTES_MAX: Final = 250_000
STOP_SECONDS: Final = 5.0
SIZE_TYPE: Final = "text/x.tlog.size"

_log = telemetry.log("witness")


class Desk:
    """Decides what is signed. One checkpoint of a log at a time."""

    def __init__(
        self,
        name: str,
        private: Ed25519PrivateKey,
        memory: Memory,
        logs: Mapping[str, Trust],
        clock: Clock,
    ) -> None:
        self.key = key_of(name, private)
        self._private = private
        self._memory = memory
        self._logs = logs
        self._clock = clock
        self._turns = {origin: asyncio.Lock() for origin in logs}

    async def add_checkpoint(self, body: str) -> tuple[int, str]:
        """Return status and text of the answer."""
        try:
            head, gap, text = body.partition("\n\n")
            lines = head.split("\n")
            if not gap or not lines[0].startswith("old "):
                raise Misread("the body begins with the old size")
            old_size = whole(lines[0].removeprefix("old "))
            path = notes.hashes(lines[1:], PATH_MAX)
            note = Note.parse(text)
            checkpoint = Checkpoint.parse(note.text)
        except BadNote as error:
            return 400, f"{error}\n"
        trust = self._logs.get(checkpoint.origin)
        if trust is None:
            return 404, "this log is not known here\n"
        try:
            signed = notes.verified(note, trust.log)
        except BadNote:
            signed = ()
        if not signed:
            return 403, "no key of this log signed that\n"
        if old_size > checkpoint.size:
            return 400, "the old size is greater than the new one\n"
        async with self._turns[checkpoint.origin]:
            return await self._decided(old_size, path, note, checkpoint)

    async def _decided(
        self, old_size: int, path: list[bytes], note: Note, checkpoint: Checkpoint
    ) -> tuple[int, str]:
        origin = checkpoint.origin
        known = self._memory.newest(origin) or Checkpoint(origin, 0, EMPTY_ROOT)
        if old_size != known.size:
            return 409, f"{known.size}\n"
        if known.size == checkpoint.size and known.root != checkpoint.root:
            _log.warn("witness.fork", origin=origin, size=known.size)
            return 409, f"{known.size}\n"
        try:
            verify_consistency(known.size, known.root, checkpoint.size, checkpoint.root, path)
        except BadProof as error:
            _log.warn("witness.refused", origin=origin, size=checkpoint.size)
            return 422, f"{error}\n"
        line = str(self._signed(note.text))
        log_lines = tuple(one for one in note.lines if one.name == origin)
        kept = str(Note(note.text, log_lines)) + line
        await asyncio.to_thread(self._memory.keep, origin, kept)
        return 200, line

    def newest(self, origin: str) -> str | None:
        """Return the newest checkpoint of a log that was signed here."""
        return self._memory.note(origin) if origin in self._logs else None

    def _signed(self, text: str) -> Line:
        at = int(self._clock.now().timestamp())
        signature = self._private.sign(notes.cosigned(at, text.encode()))
        return Line(self.key.name, self.key.id, at.to_bytes(8) + signature)


def application(desk: Desk) -> web.Application:
    """Return the witness as a web application."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            status, text = await desk.add_checkpoint(body.decode())
        except UnicodeDecodeError:
            status, text = 400, "a checkpoint is text\n"
        kind = SIZE_TYPE if status == 409 else "text/plain"
        return web.Response(status=status, body=text.encode(), headers={"content-type": kind})

    async def checkpoint(request: web.Request) -> web.Response:
        note = desk.newest(request.query.get("origin", ""))
        if note is None:
            return web.Response(status=404, text="nothing of this log was signed here\n")
        return web.Response(text=note, headers={"cache-control": "no-store"})

    async def key(_request: web.Request) -> web.Response:
        return web.Response(text=f"{desk.key}\n")

    made = web.Application(client_max_size=BODY_BYTES_MAX)
    made.router.add_post("/add-checkpoint", add_checkpoint)
    made.router.add_get("/checkpoint", checkpoint)
    made.router.add_get("/key", key)
    return made


@asynccontextmanager
async def serving(desk: Desk, host: str, port: int) -> AsyncGenerator[int]:
    """Listen while the block lasts; yields the port."""
    runner = web.AppRunner(application(desk), shutdown_timeout=STOP_SECONDS, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()

"""A listener with sample routes of both lanes, on a real port, for tests of the HTTP room."""

import asyncio
import io
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import httpx2
import msgspec
from fastapi import Depends
from pydantic import BaseModel, ConfigDict

from bezant import telemetry
from bezant.actor import Actor, Caller, Mode
from bezant.clock import MovableClock
from bezant.errors import Conflict, NotFound, Refused
from bezant.gateway.app import Alias, Ground, build
from bezant.gateway.health import Health
from bezant.http.amounts import AmountBody, JsonMoney
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Edge, Rules
from bezant.http.fast import FastAnswer, FastBody, FastRequest, FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.limits import MemoryLimits
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import (
    Asker,
    RequiredKey,
    Routes,
    ThisVisit,
)
from bezant.http.serve import Listening, Serving
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

CARD = "4242424242424242"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRITER = "sk_test_writer"
READER = "rk_test_reader"
DEADLINE_SECONDS = 30.0


class NoteTooLong(Refused):
    """A note has fewer words than that."""

    code = "note_too_long"


class NoteTaken(Conflict):
    """Somebody wrote this note already."""

    code = "note_taken"


class NoteMissing(NotFound):
    """There is no such note."""

    code = "note_missing"


class NoteBody(FastBody, frozen=True):
    text: str
    amount: AmountBody
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    at: datetime | None = None


class NoteAnswer(msgspec.Struct):
    text: str
    amount: AmountBody
    key: str | None
    asker: str


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    amount: JsonMoney
    tags: dict[str, int] = {}


class NoteMade(BaseModel):
    text: str
    amount: JsonMoney
    asker: str


@dataclass
class Notebook:
    """What the sample handlers did, and where they can be held up."""

    written: list[str] = field(default_factory=list)
    identified: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)


class Keys:
    """Callers by their key. `READER` must be asked for once before it is known."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._all = {
            WRITER: Actor(
                Caller.KEY,
                "key_writer",
                "mer_1",
                Mode.TEST,
                frozenset({"notes.write", "notes.read"}),
            ),
            READER: Actor(Caller.KEY, "key_reader", "mer_1", Mode.TEST, frozenset({"notes.read"})),
        }
        self._known = {WRITER: self._all[WRITER]}

    def known(self, credential: Credential) -> Actor | None:
        return self._known.get(credential.secret.reveal())

    async def identify(self, credential: Credential) -> Actor:
        self._notebook.identified += 1
        actor = self._all.get(credential.secret.reveal())
        if actor is None:
            raise CredentialInvalid
        self._known[credential.secret.reveal()] = actor
        return actor


def note_routes(notebook: Notebook) -> Routes:
    """Return sample routes of both lanes."""
    routes = Routes("notes")

    async def write_fast(request: FastRequest[NoteBody]) -> FastAnswer:
        """Write a note quickly."""
        body = request.body
        body.amount.money()
        _fail_if_asked(body.text)
        if body.text == "wait":
            notebook.entered.set()
            await notebook.may_go_on.wait()
        notebook.written.append(body.text)
        return FastAnswer(
            NoteAnswer(body.text, body.amount, request.idempotency_key, request.actor.subject),
            status=201,
            replayed=body.text == "again",
            location=f"/v1/notes/{len(notebook.written)}",
        )

    for path, rule in (("/v1/fast", Idempotency.OPTIONAL), ("/v1/strict", Idempotency.REQUIRED)):
        routes.add_fast(
            FastRoute(
                "POST",
                path,
                "notes.write",
                write_fast,
                NoteBody,
                NoteAnswer,
                idempotency=rule,
                body_bytes_max=20_000,
            )
        )

    @routes.post("/v1/ordinary", permission="notes.write", body_bytes_max=20_000)
    async def write(note: Note, asker: Asker) -> NoteMade:
        """Write a note."""
        _fail_if_asked(note.text)
        notebook.written.append(note.text)
        return NoteMade(text=note.text, amount=note.amount, asker=asker.subject)

    @routes.post("/v1/keyed", permission="notes.write", idempotency=Idempotency.REQUIRED)
    async def keyed(note: Note, key: RequiredKey) -> dict[str, str]:
        return {"key": key, "text": note.text}

    del write, keyed
    _add_reading(routes, notebook)
    return routes


def _add_reading(routes: Routes, notebook: Notebook) -> None:
    @routes.get("/v1/notes/{number}", permission="notes.read")
    async def read(number: int, visit: ThisVisit) -> dict[str, str]:
        return {"number": str(number), "request": visit.request_id, "address": visit.address}

    @routes.get("/v1/notes", permission="notes.read")
    async def list_notes(page: PageQuery) -> Page[str]:
        kept = [
            text
            for text in notebook.written
            if page.starting_after is None or text > page.starting_after
        ]
        return Page(data=kept[: page.limit], has_more=len(kept) > page.limit)

    async def subject_of(asker: Asker) -> str:
        return asker.subject

    @routes.get("/v1/me", permission="notes.read")
    async def me(subject: Annotated[str, Depends(subject_of)], asker: Asker) -> dict[str, str]:
        return {"subject": subject, "asker": asker.subject}

    @routes.delete("/v1/notes/{number}", permission="notes.write", status_code=204)
    async def delete(number: int) -> None:
        if not 0 <= number < len(notebook.written):
            raise NoteMissing
        del notebook.written[number]

    del read, list_notes, me, delete


def _fail_if_asked(text: str) -> None:
    match text:
        case "long":
            raise NoteTooLong("this note has 9 words, 5 are allowed", facts={"words": "9"})
        case "taken":
            raise NoteTaken
        case "missing":
            raise NoteMissing
        case "broken":
            raise RuntimeError(f"the pen broke on {CARD}, key sk_test_abcdefgh")
        case _:
            return


@dataclass
class Stand:
    """A listener that answers, and a client for it."""

    port: int
    client: httpx2.AsyncClient
    notebook: Notebook
    meters: Meters
    serving: Serving
    running: "asyncio.Task[None]"
    told: io.StringIO
    edge: Edge

    async def post(
        self, path: str, body: object = None, *, key: str | None = WRITER, **headers: str
    ) -> httpx2.Response:
        """Send JSON (or bytes as they are) with a key."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json"}
        if key is not None:
            sent["x-api-key"] = key
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=content, headers=sent)

    async def raw(self, text: bytes) -> bytes:
        """Send bytes as they are and read until the other side closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = await reader.read()
        writer.close()
        return answer

    def logged(self) -> list[dict[str, object]]:
        """Return the lines written so far."""
        writer = telemetry.logs.current_writer()
        assert writer is not None
        writer.flush()
        return [json.loads(line) for line in self.told.getvalue().splitlines()]


def note(text: str = "hello", amount: object = "1.00", **more: object) -> dict[str, object]:
    """Return a body that both lanes take."""
    return {"text": text, "amount": {"amount": amount, "asset": "EUR"}, **more}


@asynccontextmanager
async def standing(
    rules: Rules | None = None,
    *,
    aliases: Sequence[Alias] = (),
    more: Sequence[Routes] = (),
    services: Mapping[str, frozenset[str]] | None = None,
    health: Health | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[Stand]:
    """Serve the sample routes for as long as the block lasts."""
    notebook = Notebook()
    clock = MovableClock(NOON)
    meters = Meters()
    ground = Ground(
        Keys(notebook), MemoryLimits(time.monotonic), meters, Ids(clock), health or Health(clock)
    )
    edge = build(
        [note_routes(notebook), *more],
        service="notes",
        ground=ground,
        rules=rules or Rules(),
        aliases=aliases,
        services=services,
    )
    told = io.StringIO()
    telemetry.configure(telemetry.Level.INFO, stream=told)
    serving = Serving([Listening("127.0.0.1", 0, edge)])
    ((_, port),) = serving.bind()
    running = asyncio.create_task(serving.run())
    await until(lambda: serving.started)
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=DEADLINE_SECONDS
        ) as client:
            yield Stand(port, client, notebook, meters, serving, running, told, edge)
    finally:
        notebook.may_go_on.set()
        serving.stop()
        await running
        telemetry.shut()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, with a generous deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)

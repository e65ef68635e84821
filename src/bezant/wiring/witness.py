"""A witness for other operators' logs: a process of its own, with nothing of ours in it."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bezant.audit.witness.memory import SEED_BYTES, Memory, key_of
from bezant.audit.witness.serving import Desk, serving
from bezant.clock import Clock
from bezant.errors import Invalid
from bezant_verify.checkpoint import Trust
from bezant_verify.note import BadNote


class UnreadableKeys(Invalid):
    """A file of a log's keys cannot be read; take it from the log's `/audit/keys`."""

    code = "unreadable_keys"


def witness_key(folder: Path, name: str) -> str:
    """Return the witness's public key, making it on first use."""
    return str(key_of(name, Memory(folder).key(os.urandom(SEED_BYTES))))


@asynccontextmanager
async def witnessing(
    folder: Path, name: str, host: str, port: int, logs: Sequence[Path], clock: Clock
) -> AsyncGenerator[int]:
    """Listen while the block lasts; yields the port."""
    trusts = [_trust(await asyncio.to_thread(path.read_bytes), path) for path in logs]
    memory = Memory(folder)
    key = memory.key(os.urandom(SEED_BYTES))
    desk = Desk(name, key, memory, {one.origin: one for one in trusts}, clock)
    with memory.held():
        async with serving(desk, host, port) as bound:
            yield bound


def _trust(content: bytes, path: Path) -> Trust:
    try:
        return Trust.parse(content.decode())
    except (BadNote, UnicodeDecodeError) as error:
        raise UnreadableKeys(f"{path.name}: {error}") from None

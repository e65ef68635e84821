"""The load generators: they send what the plan says, every key is new, refusals are not counted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bench.load import Plan, press
from bench.process import HOST, ChildFailed

GENERATORS = ["bench.load", pytest.param("wrk", marks=pytest.mark.system)]
PLAN = Plan(
    path="/v1/transfers",
    headers={"Authorization": "Bearer secret"},
    before='{"transfers":[',
    item='{"id":"{{id}}","debit":"{{debit}}","credit":"{{credit}}"}',
    after="]}",
    items=3,
    accounts=["one", "two", "three", "four"],
)


@dataclass(slots=True)
class Listener:
    """An HTTP server that remembers what it heard and refuses every `refuse`th request."""

    refuse: int = 0
    deaf: int = 0
    """So many connections are never answered."""
    port: int = 0
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, list[dict[str, str]]]] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.deaf:
            self.deaf -= 1
            await reader.read()
            writer.close()
            return
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = dict(line.split(": ", 1) for line in head[1:] if line)
                fields["request"] = head[0]
                body = await reader.readexactly(int(fields["Content-Length"]))
                self.heads.append(fields)
                self.bodies.append(json.loads(body))
                refused = self.refuse and len(self.heads) % self.refuse == 0
                status = b"422 Refused" if refused else b"201 Created"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def listening(refuse: int = 0, deaf: int = 0) -> AsyncIterator[Listener]:
    listener = Listener(refuse, deaf)
    server = await asyncio.start_server(listener.talk, HOST, 0)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


@pytest.mark.parametrize("generator", GENERATORS)
async def test_every_request_is_whole_and_has_a_key_of_its_own(
    generator: str, tmp_path: Path
) -> None:
    async with listening() as listener:
        sample = await press(PLAN, listener.port, 4, 1, "00c0ffee", tmp_path, generator)
    assert sample.facts["generator"] == generator
    assert sample.facts["refused_requests"] == 0
    assert sample.value > 0
    keys = [head["Idempotency-Key"] for head in listener.heads]
    assert len(set(keys)) == len(keys) > 4
    assert {head["request"] for head in listener.heads} == {"POST /v1/transfers HTTP/1.1"}
    assert {head["Authorization"] for head in listener.heads} == {"Bearer secret"}
    items = [item for body in listener.bodies for item in body["transfers"]]
    assert len(items) == 3 * len(keys)
    assert len({item["id"] for item in items}) == len(items)
    assert {item["debit"] for item in items} == set(PLAN.accounts)
    assert all(item["debit"] != item["credit"] for item in items)
    # A generator may end with one unread answer a connection, never with an invented one.
    accepted = sample.facts["accepted_items"]
    assert isinstance(accepted, int)
    assert len(items) - 3 * 4 <= accepted <= len(items)


@pytest.mark.parametrize("generator", GENERATORS)
async def test_refused_requests_are_told_and_not_counted(generator: str, tmp_path: Path) -> None:
    async with listening(refuse=4) as listener:
        sample = await press(PLAN, listener.port, 2, 1, "00c0ffee", tmp_path, generator)
    refused, accepted = sample.facts["refused_requests"], sample.facts["accepted_items"]
    assert isinstance(refused, int)
    assert isinstance(accepted, int)
    assert refused > 0
    assert accepted / 3 == pytest.approx(3 * refused, abs=6)


async def test_runs_with_other_seeds_use_other_keys(tmp_path: Path) -> None:
    async with listening() as listener:
        await press(PLAN, listener.port, 1, 0.3, "00000001", tmp_path, "bench.load")
        await press(PLAN, listener.port, 1, 0.3, "00000002", tmp_path, "bench.load")
    keys = [head["Idempotency-Key"] for head in listener.heads]
    assert len(set(keys)) == len(keys)
    assert {key[:8] for key in keys} == {"00000001", "00000002"}


async def test_nobody_listening_is_an_error_and_no_zero(tmp_path: Path) -> None:
    async with listening() as listener:
        port = listener.port
    with pytest.raises(ChildFailed):
        await press(PLAN, port, 1, 0.3, "00c0ffee", tmp_path, "bench.load")


async def test_a_stretch_without_an_answer_is_watched_for_longer(tmp_path: Path) -> None:
    async with listening(deaf=1) as listener:
        sample = await press(PLAN, listener.port, 1, 0.3, "00c0ffee", tmp_path, "bench.load")
    assert sample.value > 0
    assert sample.seconds > 0.8
    assert len({head["Idempotency-Key"] for head in listener.heads}) == len(listener.heads)

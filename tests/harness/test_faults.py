"""The misbehaving network misbehaves as told, and behaves when told nothing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.harness.faults import FaultProxy, Faults, Side
from tests.harness.waiting import until

WORD = b"0123456789" * 20


class Echo:
    """A server that answers with what it hears, and counts it."""

    def __init__(self) -> None:
        self.heard = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while said := await reader.read(65_536):
                self.heard += len(said)
                writer.write(said)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[tuple[Echo, FaultProxy]]:
    service = Echo()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    async with FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield service, proxy
    server.close()
    await server.wait_closed()


class Client:
    """One connection through the proxy."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Client":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, word: bytes = WORD, seconds: float = 20) -> bytes:
        self.writer.write(word)
        async with asyncio.timeout(seconds):
            return await self.reader.readexactly(len(word))


async def test_without_faults_everything_passes(echo: tuple[Echo, FaultProxy]):
    _, proxy = echo
    async with Client(proxy.port) as client:
        big = WORD * 20_000
        assert await client.ask(big) == big
        client.writer.write_eof()
        assert await client.reader.read() == b""  # The end is passed on too.
    await until(lambda: proxy.open_links == 0, "the link is gone")


async def test_a_slow_network_is_slow_both_ways(echo: tuple[Echo, FaultProxy]):
    _, proxy = echo
    proxy.faults = Faults(delay_seconds=0.5)
    async with Client(proxy.port) as client:
        began = time.monotonic()
        assert await client.ask() == WORD
        assert time.monotonic() - began >= 1.0
        proxy.faults = Faults()  # An open connection heals.
        began = time.monotonic()
        assert await client.ask() == WORD
        assert time.monotonic() - began < 1.0


async def test_a_throttled_network_takes_its_time(echo: tuple[Echo, FaultProxy]):
    _, proxy = echo
    proxy.faults = Faults(bytes_per_second=1_000)
    async with Client(proxy.port) as client:
        began = time.monotonic()
        await client.ask(WORD[:200])
        assert time.monotonic() - began >= 0.4


async def test_resets_come_as_often_as_asked(echo: tuple[Echo, FaultProxy]):
    _, proxy = echo
    proxy.faults = Faults(reset_probability=0.1)
    resets = 0
    for _ in range(200):
        async with Client(proxy.port) as client:
            try:
                assert await client.ask() == WORD
            except (ConnectionResetError, asyncio.IncompleteReadError):
                resets += 1
    assert 15 <= resets <= 70  # Two chunks a call: about 19 % of 200, and the seed is fixed.


async def test_a_reset_is_a_reset_and_not_an_end(echo: tuple[Echo, FaultProxy]):
    _, proxy = echo
    async with Client(proxy.port) as client:
        await client.ask()
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


async def test_refused_connections_are_reset_at_once(echo: tuple[Echo, FaultProxy]):
    service, proxy = echo
    proxy.faults = Faults(refuse=True)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        async with Client(proxy.port) as client:
            await client.ask()
    assert service.heard == 0


@pytest.mark.parametrize("reset", [False, True])
async def test_an_answer_is_cut_where_told(echo: tuple[Echo, FaultProxy], reset: bool):
    _, proxy = echo
    proxy.faults = Faults(answer_bytes_max=50, answer_ends_with_reset=reset)
    async with Client(proxy.port) as client:
        expected = ConnectionResetError if reset else asyncio.IncompleteReadError
        with pytest.raises(expected) as cut:
            await client.ask()
        if isinstance(cut.value, asyncio.IncompleteReadError):
            assert cut.value.partial == WORD[:50]


async def test_a_half_open_connection_says_nothing_and_does_not_end(
    echo: tuple[Echo, FaultProxy],
):
    service, proxy = echo
    proxy.faults = Faults(half_open=True)
    async with Client(proxy.port) as client:
        with pytest.raises(TimeoutError):
            await client.ask(seconds=0.3)
        assert not client.reader.at_eof()
        assert service.heard == 0


@pytest.mark.parametrize(("deaf", "heard"), [(Side.SERVER, 0), (Side.CLIENT, len(WORD))])
async def test_one_way_loss_loses_one_way(echo: tuple[Echo, FaultProxy], deaf: Side, heard: int):
    service, proxy = echo
    proxy.faults = Faults(deaf=deaf)
    async with Client(proxy.port) as client:
        with pytest.raises(TimeoutError):
            await client.ask(seconds=0.3)
        assert service.heard == heard


async def test_a_server_that_is_not_there_resets(echo: tuple[Echo, FaultProxy]):
    async with FaultProxy("127.0.0.1", 1) as proxy:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            async with Client(proxy.port) as client:
                await client.ask()

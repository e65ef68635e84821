"""A slow, lossy or silent network: every call ends in time, and nothing happens that is denied."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from tests.harness.faults import FaultProxy, Faults, Side
from tests.rpc.conftest import Installation
from tests.rpc.sample import SAMPLE_MANNERS, Sample, Wish

from bezant.errors import OutcomeUnknown, Unavailable
from bezant.rpc.breaker import BreakerState
from bezant.rpc.channel import CONNECT_SECONDS, Channel
from bezant.rpc.codes import PeerUnavailable
from bezant.rpc.far import far

pytestmark = [pytest.mark.requirement("S001-5", part="rpc"), pytest.mark.catalogue("T31")]

DEADLINE_SECONDS = 2.0
GRACE_SECONDS = 1.0  # Of the catalogue: no request outlives its deadline by more.
OPENS_SECONDS = 5.0
CLOSES_SECONDS = 30.0
WISH = Wish("w")
LASTING = Wish("w", "wait", 100)
MANNERS = replace(SAMPLE_MANNERS, deadline_seconds=DEADLINE_SECONDS)


@dataclass
class Line:
    """A caller and a service with a bad network between them, and the same with a good one."""

    installation: Installation
    proxy: FaultProxy
    channel: Channel
    sample: Sample
    good: Sample
    longest: float = 0.0
    good_seconds: list[float] = field(default_factory=list[float])
    answered: int = 0
    refused: list[Exception] = field(default_factory=list[Exception])
    pending: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def call(self, method: str = "wish", wish: Wish = WISH) -> None:
        began = time.monotonic()
        try:
            await getattr(self.sample, method)(wish)
            self.answered += 1
        except Unavailable as error:
            self.refused.append(error)
        self.longest = max(self.longest, time.monotonic() - began)

    async def call_good(self) -> None:
        began = time.monotonic()
        await self.good.nothing()
        self.good_seconds.append(time.monotonic() - began)

    async def traffic_until(self, state: BreakerState, within_seconds: float) -> float:
        """Keep calling, with the other endpoint beside it, until the breaker is in this state."""
        began = time.monotonic()
        while self.channel.breaker_state is not state:
            assert time.monotonic() - began < within_seconds + 30, "the breaker did not change"
            self.pending.add(asyncio.create_task(self.call()))
            await self.call_good()
            await asyncio.sleep(0.05)
        return time.monotonic() - began


@pytest.fixture
async def line(installation: Installation) -> AsyncIterator[Line]:
    port = await installation.listen()
    async with FaultProxy("127.0.0.1", port, seed=31) as proxy:
        channel = installation.channel(port=proxy.port)
        sample = far(Sample, channel, manners=MANNERS)
        made = Line(installation, proxy, channel, sample, installation.far())
        await made.call()
        await made.good.nothing()
        assert made.answered == 1
        yield made
        await channel.close()


FAULTS = {
    "two seconds late": Faults(delay_seconds=2),
    "nothing answers": Faults(half_open=True),
    "the service does not hear": Faults(deaf=Side.SERVER),
    "the caller does not hear": Faults(deaf=Side.CLIENT),
    "connections are refused": Faults(refuse=True),
    "answers are cut": Faults(answer_bytes_max=100),
    "answers are cut by a reset": Faults(answer_bytes_max=2_000, answer_ends_with_reset=True),
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", FAULTS)
async def test_the_breaker_opens_and_closes_and_no_call_outlives_its_deadline(
    line: Line, case: str
):
    for _ in range(100):
        await line.call_good()
    usual_seconds = late(line.good_seconds)
    line.proxy.faults = FAULTS[case]
    if FAULTS[case].refuse or FAULTS[case].answer_bytes_max:
        line.proxy.reset_all()  # These befall connections that are made now.

    opened = await line.traffic_until(BreakerState.OPEN, OPENS_SECONDS)

    assert opened <= OPENS_SECONDS
    met = line.proxy.accepted
    await line.call()
    refused = line.refused[-1]
    assert isinstance(refused, PeerUnavailable)  # At once, without a word to the network.
    assert refused.retry_after_seconds
    assert line.proxy.accepted == met

    line.proxy.faults = Faults()
    closed = await line.traffic_until(BreakerState.CLOSED, CLOSES_SECONDS)

    assert closed <= CLOSES_SECONDS
    await asyncio.gather(*line.pending)
    assert line.longest <= DEADLINE_SECONDS + GRACE_SECONDS
    # Another peer's calls do not wait for this one's, which wait for seconds.
    assert late(line.good_seconds) <= max(2 * usual_seconds, CONNECT_SECONDS)
    before = line.answered
    await line.call()
    assert line.answered == before + 1


def late(seconds: list[float]) -> float:
    """Return the time within which 99 of 100 are, and forget the list."""
    ordered = sorted(seconds)
    seconds.clear()
    return ordered[len(ordered) * 99 // 100]


@pytest.mark.timeout(120)
async def test_one_reset_in_ten_is_retried_within_the_deadline(line: Line):
    """A tenth of the calls lose their connection, and chunks are lost besides."""
    line.proxy.faults = Faults(reset_probability=0.01)
    for number in range(200):
        if number % 10 == 5:
            line.proxy.reset_all()
        await line.call()

    assert line.longest <= DEADLINE_SECONDS + GRACE_SECONDS
    assert line.proxy.accepted > 15, "connections were not reset"
    assert line.answered > 190
    assert line.channel.breaker_state is BreakerState.CLOSED


@pytest.mark.timeout(120)
async def test_what_is_not_safe_to_repeat_is_sent_at_most_once(line: Line):
    """Calls are counted where they arrive."""
    calls = 20
    arrived = await with_lost_answers(line, "once", calls)

    assert arrived <= calls
    assert line.answered == 0
    unknown = sum(isinstance(error, OutcomeUnknown) for error in line.refused)
    surely_not = sum(isinstance(error, PeerUnavailable) for error in line.refused)
    assert unknown + surely_not == calls
    assert 0 < arrived <= unknown  # What is denied surely did not happen.


@pytest.mark.timeout(120)
async def test_what_is_safe_to_repeat_is_repeated(line: Line):
    """The control of the one above: the same losses, and the service sees calls twice."""
    calls = 4
    arrived = await with_lost_answers(line, "wish", calls)
    assert arrived > calls
    assert line.answered > 0


async def with_lost_answers(line: Line, method: str, calls: int) -> int:
    """Let each call arrive, and reset its connection before it is answered; count arrivals."""
    before = line.installation.service.calls
    line.answered = 0
    for _ in range(calls):
        arrived = line.installation.service.calls
        task = asyncio.create_task(line.call(method, LASTING))
        while line.installation.service.calls == arrived and not task.done():
            await asyncio.sleep(0.005)
        line.proxy.reset_all()
        await task
    return line.installation.service.calls - before


async def test_a_peer_that_is_not_there_is_surely_not_reached(installation: Installation):
    await installation.listen()
    assert installation.server is not None
    await installation.server.stop(0)
    began = time.monotonic()
    with pytest.raises(PeerUnavailable) as refused:
        await installation.far().wish(Wish("w"))
    assert not isinstance(refused.value, OutcomeUnknown)
    assert time.monotonic() - began < 6


async def test_a_peer_that_comes_back_is_found_again(installation: Installation):
    port = await installation.listen()
    sample = installation.far()
    assert await sample.wish(Wish("w")) == "w"
    assert installation.server is not None
    await installation.server.stop(0)
    with pytest.raises(Unavailable):
        await sample.wish(Wish("w"))

    await installation.listen(port=port)

    deadline = time.monotonic() + CLOSES_SECONDS
    while True:
        try:
            assert await sample.wish(Wish("w")) == "w"
            break
        except Unavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)

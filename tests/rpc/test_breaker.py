"""The circuit breaker opens soon, lets one probe through at a time, and closes when answered."""

import pytest

from bezant.rpc.breaker import (
    FAILURES_MIN,
    PAUSE_SECONDS_MAX,
    PAUSE_SECONDS_MIN,
    WINDOW_SECONDS,
    Breaker,
    BreakerState,
    Ticket,
)

SLOW = 1.0


class Bench:
    """A breaker whose time stands still unless told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[BreakerState] = []
        self.breaker = Breaker(lambda: self.now, self.told.append)

    def call(self, answered: bool | None, seconds: float = 0.0) -> bool:
        """Make a call; tells whether it was let through."""
        ticket = self.breaker.enter(SLOW)
        if ticket is None:
            return False
        self.now += seconds
        self.breaker.leave(ticket, answered=answered)
        return True

    def enter(self) -> Ticket:
        ticket = self.breaker.enter(SLOW)
        assert ticket is not None
        return ticket

    def opened(self) -> "Bench":
        for _ in range(FAILURES_MIN):
            assert self.call(answered=False)
        assert self.breaker.state is BreakerState.OPEN
        return self


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_opens_at_the_last_failure_it_bears(bench: Bench):
    for _ in range(FAILURES_MIN - 1):
        bench.call(answered=False)
    assert bench.breaker.state is BreakerState.CLOSED
    bench.call(answered=False)
    assert bench.breaker.state is BreakerState.OPEN
    assert not bench.call(answered=True)
    assert bench.breaker.pause_seconds() == PAUSE_SECONDS_MIN


def test_one_failure_in_ten_does_not_open_it(bench: Bench):
    for number in range(1_000):
        bench.call(answered=number % 10 != 0, seconds=0.01)
    assert bench.breaker.state is BreakerState.CLOSED


def test_old_failures_are_forgotten(bench: Bench):
    for _ in range(FAILURES_MIN * 3):
        bench.call(answered=False)
        bench.now += WINDOW_SECONDS / (FAILURES_MIN - 1)
    assert bench.breaker.state is BreakerState.CLOSED


def test_a_silent_peer_is_noticed_before_any_deadline(bench: Bench):
    waiting = [bench.enter() for _ in range(FAILURES_MIN)]
    bench.now += SLOW

    assert bench.breaker.enter(SLOW) is None

    assert bench.breaker.state is BreakerState.OPEN
    for ticket in waiting:  # Their ends, later, count no second time.
        bench.breaker.leave(ticket, answered=False)
    bench.now += PAUSE_SECONDS_MIN
    assert bench.call(answered=True)
    assert bench.breaker.state is BreakerState.CLOSED


def test_an_answer_that_is_slow_counts_as_failed(bench: Bench):
    for _ in range(FAILURES_MIN):
        bench.call(answered=True, seconds=SLOW)
        bench.now -= SLOW
    assert bench.breaker.state is BreakerState.OPEN


def test_a_caller_that_gives_up_says_nothing_about_the_peer(bench: Bench):
    for _ in range(FAILURES_MIN * 5):
        bench.call(answered=None)
    assert bench.breaker.state is BreakerState.CLOSED


def test_one_probe_at_a_time(bench: Bench):
    bench.opened().now += PAUSE_SECONDS_MIN
    probe = bench.enter()
    assert bench.breaker.state is BreakerState.PROBING
    assert bench.breaker.enter(SLOW) is None

    bench.breaker.leave(probe, answered=True)

    assert bench.breaker.state is BreakerState.CLOSED
    assert bench.call(answered=True)
    assert bench.told == [BreakerState.OPEN, BreakerState.CLOSED]


def test_each_failed_probe_doubles_the_pause_up_to_its_limit(bench: Bench):
    bench.opened()
    pauses: list[float] = []
    for _ in range(6):
        pauses.append(bench.breaker.pause_seconds())
        bench.now += pauses[-1]
        assert bench.call(answered=False)
    assert pauses == [1.0, 2.0, 4.0, 8.0, PAUSE_SECONDS_MAX, PAUSE_SECONDS_MAX]

    bench.now += PAUSE_SECONDS_MAX
    assert bench.call(answered=True)
    bench.opened()
    assert bench.breaker.pause_seconds() == PAUSE_SECONDS_MIN


def test_a_probe_nobody_waits_for_frees_its_place(bench: Bench):
    bench.opened().now += PAUSE_SECONDS_MIN
    assert bench.call(answered=None)
    assert bench.call(answered=True)
    assert bench.breaker.state is BreakerState.CLOSED


def test_a_probe_that_hangs_does_not_hold_the_door_for_ever(bench: Bench):
    bench.opened().now += PAUSE_SECONDS_MIN
    hanging = bench.enter()
    bench.now += SLOW
    assert bench.breaker.enter(SLOW) is None  # The probe failed; the pause begins anew.
    bench.now += 2 * PAUSE_SECONDS_MIN
    assert bench.call(answered=True)
    bench.breaker.leave(hanging, answered=True)
    assert bench.breaker.state is BreakerState.CLOSED


def test_a_late_answer_does_not_close_it(bench: Bench):
    late = bench.enter()
    bench.opened()
    bench.breaker.leave(late, answered=True)
    assert bench.breaker.state is BreakerState.OPEN

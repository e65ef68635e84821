"""Clocks: the real one tells UTC, those that move only move forward."""

from datetime import UTC, datetime, timedelta

import pytest

from bezant.clock import BusinessClock, MovableClock, RealClock

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_the_real_clock_is_aware_and_in_utc():
    now = RealClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_movable_clock_stands_still_until_it_is_moved():
    clock = MovableClock(START)
    assert clock.now() == clock.now() == START
    clock.move(timedelta(days=31))
    assert clock.now() == START + timedelta(days=31)


def test_business_time_keeps_its_distance_to_the_machines():
    real = MovableClock(START)
    clock = BusinessClock(real, timedelta(hours=1))
    real.move(timedelta(minutes=5))
    assert clock.now() == START + timedelta(hours=1, minutes=5)
    clock.follow(timedelta(hours=3))
    assert clock.now() == START + timedelta(hours=3, minutes=5)
    assert real.now() == START + timedelta(minutes=5)


def test_time_never_goes_back():
    clock = MovableClock(START)
    with pytest.raises(ValueError, match="forward"):
        clock.move(timedelta(microseconds=-1))
    assert clock.now() == START
    business = BusinessClock(clock, timedelta(hours=2))
    business.follow(timedelta(hours=1))
    assert business.ahead == timedelta(hours=2)

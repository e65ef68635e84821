"""One-time codes as RFC 6238 counts them."""

from datetime import UTC, datetime

import pytest

from bezant.identity.people import one_time

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "last_six"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, last_six: str) -> None:
    """RFC 6238, appendix B: its eight digits end with our six."""
    now = datetime.fromtimestamp(seconds, UTC)
    assert one_time.code_at(SECRET, seconds // 30) == last_six
    assert one_time.step_of(SECRET, last_six, now) == seconds // 30


@pytest.mark.parametrize(("steps", "fits"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_clock_may_differ_by_one_step(steps: int, fits: bool) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    step = int(now.timestamp()) // 30 + steps
    found = one_time.step_of(SECRET, one_time.code_at(SECRET, step), now)
    assert found == (step if fits else None)


def test_a_recovery_code_is_read_however_it_is_typed() -> None:
    member = b"m" * 16
    (first, *rest) = one_time.new_recovery_codes(lambda size: bytes(range(size)))
    assert len(rest) == 9
    typed = f"  {first.upper().replace('-', ' ')} "
    assert one_time.recovery_hash(member, typed) == one_time.recovery_hash(member, first)
    assert one_time.recovery_hash(b"n" * 16, first) != one_time.recovery_hash(member, first)
    assert not one_time.looks_like_code(one_time.typed_plainly(first))

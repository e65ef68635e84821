"""Ids: spelling, order, and what is refused."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.clock import MovableClock, RealClock
from bezant.ids import BIGINT_MAX, Ids, MalformedId, read, read_number, spell, spell_number

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_ids_made_later_sort_later():
    clock = MovableClock(START)
    ids = Ids(clock)
    made: list[str] = []
    for _ in range(200):
        made.append(ids.new("pay"))
        clock.move(timedelta(milliseconds=1))
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_an_id_is_a_version_7_uuid_of_its_instant():
    value = Ids(MovableClock(START)).uuid()
    assert value.version == 7
    assert value.variant == "specified in RFC 4122"
    assert value.int >> 80 == int(START.timestamp() * 1000)


def test_the_same_clock_and_chance_give_the_same_id():
    first, second = (Ids(MovableClock(START), lambda size: b"\xff" * size) for _ in range(2))
    assert first.new("pay") == second.new("pay")
    assert first.uuid().version == 7


def test_ten_thousand_ids_of_one_instant_are_all_different():
    ids = Ids(MovableClock(START))
    assert len({ids.uuid() for _ in range(10_000)}) == 10_000


@given(st.uuids())
def test_what_is_spelled_reads_back_as_the_stored_uuid(value: UUID):
    text = spell("acc", value)
    assert read("acc", text) == value
    assert UUID(text.removeprefix("acc_")) == value


@settings(max_examples=500)
@given(st.integers(0, BIGINT_MAX))
def test_a_stored_number_reads_back_and_keeps_its_order(number: int):
    text = spell_number("tr", number)
    assert read_number("tr", text) == number
    assert spell_number("tr", min(number + 1, BIGINT_MAX)) >= text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acc",
        "acc_",
        "acc_" + "0" * 31,
        "acc_" + "0" * 33,
        "acc_" + "G" * 32,
        "acc_" + "A" * 32,
        "ACC_" + "0" * 32,
        "pay_" + "0" * 32,
        " acc_" + "0" * 32,
        "acc_" + "0" * 32 + "\n",
        "acc_" + "0" * 31 + "٠",
        "acc__" + "0" * 31,
        "0" * 32,
        "acc_{" + "0" * 30 + "}",
    ],
)
def test_anything_but_the_exact_spelling_is_refused(text: str):
    with pytest.raises(MalformedId) as refused:
        read("acc", text, field="account")
    assert refused.value.field == "account"
    assert refused.value.detail == "an id here looks like acc_ and 32 hex digits"


@pytest.mark.parametrize("text", ["tr_" + "f" * 16, "tr_8" + "0" * 15, "tr_" + "0" * 15, "tr_-1"])
def test_a_number_beyond_a_bigint_is_refused(text: str):
    with pytest.raises(MalformedId):
        read_number("tr", text)


def test_a_prefix_is_a_few_small_letters():
    for prefix in ("", "a", "Pay", "pay_", "averylongone"):
        with pytest.raises(AssertionError):
            spell(prefix, UUID(int=1))


def test_the_real_clock_makes_ids_of_now():
    before = int(RealClock().now().timestamp() * 1000)
    made = Ids(RealClock()).uuid().int >> 80
    assert before <= made <= int(RealClock().now().timestamp() * 1000)

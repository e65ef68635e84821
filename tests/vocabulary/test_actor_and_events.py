"""An actor may do what it was given and nothing else; an event is an envelope that does not
change.
"""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.events import FEED_LIMIT_MAX, Event, FedEvent

ACTOR = Actor(Caller.KEY, "key_1", "mer_1", Mode.TEST, frozenset({"ledger.read"}))
EVENT = Event(
    id="evt_1",
    type="transfers.recorded",
    version=1,
    mode=Mode.TEST,
    tenant="mer_1",
    subject="led_1",
    occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
    data={"transfers": "2"},
)


@pytest.mark.parametrize("permission", ["ledger.write", "ledger", "", "*", "LEDGER.READ"])
def test_an_actor_may_not_do_what_it_was_not_given(permission: str):
    assert not ACTOR.may(permission)


def test_an_actor_may_do_exactly_what_it_was_given():
    assert ACTOR.may("ledger.read")


def test_an_actor_cannot_be_promoted():
    with pytest.raises(FrozenInstanceError):
        ACTOR.permissions = frozenset({"ledger.write"})  # pyright: ignore[reportAttributeAccessIssue]
    assert not replace(ACTOR, permissions=frozenset[str]()).may("ledger.read")


def test_test_and_live_are_two_words():
    assert Mode.TEST != Mode.LIVE
    assert {str(mode) for mode in Mode} == {"test", "live"}
    assert PLATFORM not in {str(mode) for mode in Mode}


def test_an_event_does_not_change_and_its_position_is_beside_it():
    fed = FedEvent(1, EVENT)
    with pytest.raises(FrozenInstanceError):
        fed.position = 2  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(FrozenInstanceError):
        EVENT.subject = "led_2"  # pyright: ignore[reportAttributeAccessIssue]
    assert replace(EVENT, version=2) != EVENT
    assert FEED_LIMIT_MAX == 1_000

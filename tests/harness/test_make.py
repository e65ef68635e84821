"""What the makers make is the same every time."""

from datetime import timedelta

from tests import make

from bezant.actor import Mode


def test_ids_repeat_with_their_seed_and_differ_with_another():
    assert make.ids().uuid() == make.ids().uuid()
    assert make.ids(seed=2).uuid() != make.ids().uuid()


def test_a_clock_stands_until_it_is_moved():
    clock = make.clock()
    assert clock.now() == clock.now() == make.NOON
    clock.move(timedelta(seconds=1))
    assert clock.now() - make.NOON == timedelta(seconds=1)


def test_an_actor_holds_what_it_was_given():
    actor = make.actor("ledger.read", tenant="mer_1", mode=Mode.LIVE)
    assert actor.may("ledger.read")
    assert not actor.may("ledger.write")
    assert (actor.tenant, actor.mode) == ("mer_1", Mode.LIVE)

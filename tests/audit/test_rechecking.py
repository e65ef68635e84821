"""The log is read again and again while it is served, a little at a time."""

from datetime import timedelta

import pytest
from tests.audit.stand import Stand

from bezant.audit import rechecking
from bezant.audit.rechecking import Rechecking, recheck


async def recorded(stand: Stand, *sizes: int) -> None:
    for size in sizes:
        stand.payments.tell(size - len(stand.payments.events))
        await stand.record()


async def test_a_walk_goes_on_with_what_is_added(stand: Stand):
    walk = Rechecking(stand.database, stand.clock, step_seconds=10)
    first = await walk.step()
    assert first is not None
    assert (first.reached, first.fault) == (0, "")
    await recorded(stand, 300, 301, 1_500)
    found = await walk.step()
    assert found is not None
    assert (found.reached, found.fault) == (1_500, "")
    assert await walk.step() is None, "nothing new is not told again at once"
    stand.clock.move(rechecking.TOLD_AGAIN_AFTER)
    assert await walk.step() is not None


async def test_the_smallest_steps_come_to_the_same_end(stand: Stand):
    await recorded(stand, 700, 2_100, 2_101)
    walk = Rechecking(stand.database, stand.clock, step_seconds=0)
    found = [one for one in [await walk.step() for _ in range(8)] if one is not None]
    assert [(one.reached, one.fault) for one in found] == [(2_101, "")]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit.entry SET entry = entry || '\\x00' WHERE leaf = 9",
        "UPDATE audit.tile SET root = sha256('other') WHERE level = 0 AND number = 1",
        "UPDATE audit.checkpoint SET root = sha256('other') WHERE size = 700",
    ],
)
async def test_what_is_changed_after_it_was_read_is_found_within_a_day(stand: Stand, change: str):
    await recorded(stand, 700, 900)
    walk = Rechecking(stand.database, stand.clock, step_seconds=10)
    assert (await walk.step() or pytest.fail("nothing told")).fault == ""
    stand.sql(change)
    assert await walk.step() is None, "the walk is behind it"
    stand.clock.move(rechecking.ANEW_AFTER + timedelta(seconds=1))
    for _ in range(2):  # It is told again until somebody has looked.
        found = await walk.step()
        assert found is not None
        assert found.fault
        stand.clock.move(rechecking.TOLD_AGAIN_AFTER)
    assert (await recheck(stand.database, stand.clock)).fault == found.fault


async def test_a_tail_that_is_cut_off_is_noticed_at_the_next_step(stand: Stand):
    await recorded(stand, 700, 900)
    walk = Rechecking(stand.database, stand.clock, step_seconds=10)
    assert (await walk.step() or pytest.fail("nothing told")).reached == 900
    stand.sql("DELETE FROM audit.checkpoint WHERE size = 900")
    found = await walk.step()
    assert found is not None
    assert "no checkpoint" in found.fault


async def test_what_was_found_is_shown(stand: Stand):
    await recorded(stand, 10)
    await stand.log.recheck_on()
    shown = (await stand.log.integrity()).verifications
    assert [(one.subject, one.reached, one.fault) for one in shown] == [("log", 10, "")]

"""A key answers for thirty days, and then it is anybody's."""

from datetime import timedelta

import pytest
from tests.payments.till import Till

from bezant.db.jobs import Turn
from bezant.payments.jobs import FORGET_MAX, ticks
from bezant.payments.port import KEYS_KEPT_DAYS, KeyReused, PaymentState

pytestmark = pytest.mark.requirement("S004-1", part="idempotency for thirty days")
ALMOST = timedelta(days=30) - timedelta(hours=1)
PAST = timedelta(days=30) + timedelta(hours=1)


async def forgets(till: Till) -> None:
    """Let the payments tidy up, as they do every hour."""
    jobs = {one.name: one for one in ticks(till.payments, till.parts.database, till.clock)}
    await jobs["payments.forget"].run(Turn(1, 1, 1))


async def test_a_key_repeats_until_thirty_days_are_over_and_then_is_new(till: Till) -> None:
    assert KEYS_KEPT_DAYS == 30
    first = await till.pay("20.00 EUR", key="again")
    back = await till.refund(first, "5.00 EUR", key="back")
    till.clock.move(ALMOST)
    await forgets(till)
    repeated = await till.pay("20.00 EUR", key="again")
    assert (repeated.id, repeated.replayed) == (first.id, True)
    assert (await till.refund(first, "5.00 EUR", key="back")).id == back.id
    with pytest.raises(KeyReused):
        await till.pay("21.00 EUR", key="again")
    assert len(till.acquirer.charges()) == 1

    till.clock.move(PAST - ALMOST)
    await forgets(till)
    assert till.count("request") == 0
    fresh = await till.pay("21.00 EUR", key="again")
    assert (fresh.state, fresh.replayed) == (PaymentState.SUCCEEDED, False)
    assert fresh.id != first.id
    other = await till.refund(first, "5.00 EUR", key="back")
    assert other.id != back.id
    assert len(till.acquirer.charges()) == 2
    assert (await till.now(first)).state is PaymentState.SUCCEEDED, "what was paid stays paid"
    await till.agrees()


async def test_a_repeat_does_not_keep_a_key_for_longer(till: Till) -> None:
    await till.pay("20.00 EUR", key="again")
    till.clock.move(ALMOST)
    assert (await till.pay("20.00 EUR", key="again")).replayed
    till.clock.move(PAST - ALMOST)
    await forgets(till)
    assert not (await till.pay("20.00 EUR", key="again")).replayed


async def test_keys_of_today_stay_when_old_ones_go(till: Till) -> None:
    await till.pay("20.00 EUR", key="old")
    till.clock.move(PAST)
    await till.pay("20.00 EUR", key="young")
    assert till.count("request") == 2 < FORGET_MAX
    await forgets(till)
    assert till.count("request") == 1
    assert (await till.pay("20.00 EUR", key="young")).replayed
    assert not (await till.pay("20.00 EUR", key="old")).replayed

"""A lost charge at Stripe: found in the list, which is never behind, before any search knows it."""

from dataclasses import replace

import pytest
from tests.psp.shops import charge_of, open_shop, step_of
from tests.psp.test_emulators import in_haste
from tests.sandbox.stand import Town

from bezant.psp.port import FollowUp, Result


@pytest.mark.parametrize("acted", [True, False])
async def test_a_lost_charge_is_found_in_stripes_list_though_its_search_lags(
    city: Town, acted: bool
):
    async with open_shop("stripe", city) as shop:
        city.script("stale", provider="stripe", operation="search", seconds=3_600, times=9)
        city.script(f"drop_{'after' if acted else 'before'}_acting", provider="stripe")
        charge, sent_at = charge_of("stripe"), city.clock.now()
        told = await in_haste(shop, charge)
        others = [charge_of("stripe") for _ in range(3)]
        for other in others:
            await shop.charge(other)

        def step(key: str) -> FollowUp:
            made = step_of(charge, told, now=city.clock.now(), sent_at=sent_at)
            return replace(made, charge_attempt=key)

        asked = await shop.ask("charge", step(charge.attempt))
        assert asked.result is (Result.CAPTURED if acted else Result.NOT_FOUND)
        control = await shop.ask("charge", replace(step(charge.attempt), sent_at=None))
        assert control.result is Result.NOT_FOUND, "the search does not know it yet"
        for _ in range(100):
            await shop.charge(charge_of("stripe"))
        hidden = await shop.ask("charge", step(charge.attempt))
        assert hidden.result is Result.UNKNOWN, "it may stand on another page"
        city.pass_time(hours=2)
        late = await shop.ask("charge", step(charge.attempt))
        assert late.result is (Result.CAPTURED if acted else Result.NOT_FOUND)

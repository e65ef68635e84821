"""A story that makes a provider send events, and the letters it leaves in the box."""

from tests.psp.shops import BANK, Shop, approve, charge_of
from tests.sandbox.stand import Letter

from bezant.money import EUR, USD, USDC, Money
from bezant.psp.port import Charge, Verdict

AMOUNTS: dict[str, Money] = {
    "coinbase": USDC(9_000_000),
    "coinbase_links": USDC(9_000_000),
    "coinbase_commerce": USD(12_00),
}


async def paid(shop: Shop) -> tuple[Charge, Verdict]:
    """Pay with a provider until the money is there."""
    town, provider = shop.town, shop.provider
    charge = charge_of(provider, AMOUNTS.get(provider, EUR(12_00)))
    told = await shop.charge(charge)
    if provider == "bank":
        send_money(shop, told)
    elif told.action is not None:
        approve(town, told)
        town.pass_time(minutes=5)
        if provider == "paypal":
            told = await shop.finish(charge, told.reference)
    return charge, told


def send_money(shop: Shop, told: Verdict) -> None:
    """Send what the payer was asked for, from the payer's bank."""
    assert told.action is not None
    sent = {
        "creditor_iban": BANK.iban,
        "amount": told.action.facts["amount"],
        "reference": told.action.facts["reference"],
        "instant": True,
    }
    assert shop.town.post("bank", "/transfers", json=sent).status_code == 201


async def letters(shop: Shop, least: int = 1) -> tuple[Charge, list[Letter]]:
    """Pay, and return the letters that came of it."""
    charge, _ = await paid(shop)
    shop.town.catch_up()
    found = list(shop.town.box.letters)
    assert len(found) >= least, f"{shop.provider} sent {len(found)} events"
    return charge, found

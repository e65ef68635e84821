"""The pages on which payers send coins: exactly, too few, too many, twice, or too late."""

from typing import Final

from bezant.money import format_minor
from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_checkouts import pay
from bezant.sandbox.coinbase_commerce import by_code, send
from bezant.sandbox.coinbase_objects import Charge, Checkout, CheckoutStatus
from bezant.sandbox.coinbase_values import CENTS, DECIMALS, Coins, in_coin
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.pages import payer_page
from bezant.sandbox.scripts import Effect

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
_NAMELESS_CENTS: Final = 5_00
"""What is sent to a charge without a price, in dollars."""
# By what a payer may do: how many hundredths of the price are sent.
_SHARES: Final = {"exact": 100, "under": 50, "over": 150}
_WORDS: Final = {"exact": "Send exactly", "under": "Send half", "over": "Send half more"}


def checkout_page(call: Call, page: Page) -> Answer:
    """Show what is to be paid."""
    one = _checkout(call, page)
    if one is None or one.status is not CheckoutStatus.ACTIVE:
        return _nothing()
    at = f"/payment-links/{one.slug}/pay"
    buttons = [(f"{at}?how=exact", "Pay"), (f"{at}?how=fail", "Pay, and fail on the chain")]
    lines = [f"{one.amount.cents()} {one.amount.asset}", one.description]
    return _page(200, payer_page("Coinbase", [line for line in lines if line], buttons))


def checkout_paid(call: Call, page: Page) -> Answer:
    """Take the payer's coins, and lead them back."""
    one = _checkout(call, page)
    if one is None or one.status is not CheckoutStatus.ACTIVE:
        return _nothing()
    declined = call.script is not None and call.script.effect in {
        Effect.DECLINE,
        Effect.SOFT_DECLINE,
        Effect.HARD_DECLINE,
    }
    fails = declined or call.form.get("how") == "fail"
    pay(page, one, fails=fails)
    return _led(one.fail_url if fails else one.success_url)


def charge_page(call: Call, page: Page) -> Answer:
    """Show what is asked for; whoever wants to send more may, even when it is over."""
    one = by_code(page, call.at("code"))
    if one is None:
        return _nothing()
    lines = [one.name, f"This charge is {one.status}."]
    if one.currency:
        lines.insert(1, f"{format_minor(one.cents, CENTS)} {one.currency}")
    buttons = [
        (f"/pay/{one.code}/send?how={how}&asset={asset}", f"{words} in {asset}")
        for how, words in _WORDS.items()
        for asset in DECIMALS
    ]
    return _page(200, payer_page("Coinbase Commerce", [line for line in lines if line], buttons))


def charge_sent(call: Call, page: Page) -> Answer:
    """Take the payer's coins, and lead them back."""
    one = by_code(page, call.at("code"))
    asset = call.form.get("asset", "USDC")
    how = call.form.get("how", "exact")
    if one is None or asset not in DECIMALS or how not in _SHARES:
        return _nothing()
    send(page, one, _share(one, asset, how))
    return _led(one.redirect_url)


def _share(one: Charge, asset: str, how: str) -> Coins:
    asked = in_coin(asset, one.currency or "USD", one.cents or _NAMELESS_CENTS)
    return Coins(asset, asked.minor * _SHARES[how] // 100)


def _checkout(call: Call, page: Page) -> Checkout | None:
    return next(iter(page.find(Checkout, name=call.at("slug"), limit=1)), None)


def _led(url: str) -> Answer:
    if url.startswith(("http://", "https://")):
        return Answer.redirect(url)
    return _page(200, payer_page("Sent", ["You can go back to the shop."], []))


def _nothing() -> Answer:
    return _page(410, payer_page("There is nothing to pay", ["It is over, or never was."], []))


def _page(status: int, text: str) -> Answer:
    return Answer.html(status, text).having(("content-security-policy", _POLICY))

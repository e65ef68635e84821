"""The page on which a payer approves an order, or does not."""

from typing import Final
from urllib.parse import urlencode

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.pages import payer_page
from bezant.sandbox.paypal_objects import Order, Payer
from bezant.sandbox.paypal_orders import approve, is_over, open_by_payer, waits_for_payer
from bezant.sandbox.paypal_views import PAYER_ID

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
_WORDS: Final = {
    Payer.WEALTHY: "Pay",
    Payer.DECLINED: "Pay with a card that is declined",
    Payer.ECHECK: "Pay from a bank account (takes three days)",
    Payer.BOUNCING: "Pay from an empty bank account",
    Payer.DISPUTING: "Pay, and dispute it tomorrow",
}


def approval(call: Call, page: Page) -> Answer:
    """Show what is to be paid."""
    order = page.get(Order, call.form.get("token", ""))
    if order is None or not waits_for_payer(order) or is_over(page, order):
        return _told(410, "There is nothing to approve", ["This order is over, or never was."])
    order = open_by_payer(page, order)
    lines = [
        f"{shown['value']} {shown['currency_code']}"
        for shown in (unit.amount.shown() for unit in order.units)
    ]
    at = f"/checkoutnow/{order.id}"
    buttons = [(f"{at}/approve?payer={payer}", words) for payer, words in _WORDS.items()]
    return _page(200, payer_page("PayPal", lines, [*buttons, (f"{at}/cancel", "Cancel")]))


def approved(call: Call, page: Page) -> Answer:
    """Take the payer's approval, and lead them back."""
    order = page.get(Order, call.at("id"))
    if order is None or not waits_for_payer(order) or is_over(page, order):
        return _told(410, "There is nothing to approve", ["This order is over, or never was."])
    said = call.form.get("payer", Payer.WEALTHY)
    if said not in set(Payer):
        return _told(400, "Who is that?", ["There is no such payer."])
    approve(page, order, Payer(said))
    return _led_back(order.return_url, {"token": order.id, "PayerID": PAYER_ID})


def cancelled(call: Call, page: Page) -> Answer:
    """Lead the payer back without an approval; they may come again."""
    order = page.get(Order, call.at("id"))
    if order is None:
        return _told(410, "There is nothing to cancel", ["There is no such order."])
    return _led_back(order.cancel_url, {"token": order.id})


def _led_back(url: str, told: dict[str, str]) -> Answer:
    if not url.startswith(("http://", "https://")):
        return _told(200, "Done", ["You can go back to the shop."])
    return Answer.redirect(f"{url}{'&' if '?' in url else '?'}{urlencode(told)}")


def _told(status: int, title: str, lines: list[str]) -> Answer:
    return _page(status, payer_page(title, lines, []))


def _page(status: int, text: str) -> Answer:
    return Answer.html(status, text).having(("content-security-policy", _POLICY))

"""What callers of the acquirer "card" send, and what they are told when it is wrong."""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from bezant.errors import BezantError
from bezant.money import asset_of
from bezant.sandbox.book import Page
from bezant.sandbox.card_shapes import Authorisation, Capture, Dispute, Event, Refund, show
from bezant.sandbox.emulator import Call, NotDone
from bezant.sandbox.exchange import Answer

AMOUNT_MAX: Final = 10**15
Wish = TypeVar("Wish")
Thing = TypeVar("Thing", Authorisation, Capture, Refund, Dispute)


def failure(status: int, code: str, message: str, field: str | None = None) -> Answer:
    """Return an error as this acquirer words it."""
    told: Mapping[str, str | None] = {"code": code, "message": message, "field": field}
    return Answer.json(status, {"error": told})


def refuse(status: int, code: str, message: str, field: str | None = None) -> NotDone:
    """Return what ends a call that is wrong."""
    return NotDone(failure(status, code, message, field))


def read(call: Call, kind: type[Wish]) -> Wish:
    """Read a body; what is not of this shape is told without repeating it."""
    try:
        return msgspec.json.decode(call.body, type=kind)
    except msgspec.DecodeError as wrong:
        raise refuse(400, "malformed", str(wrong)) from None


def amount_of(text: str, most: int, left: str) -> int:
    """Read an amount in smallest units, at most `most`; empty is all of it."""
    if not text:
        return most
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise refuse(400, "malformed_amount", "an amount is a whole number in quotes", "amount")
    if int(text) > most:
        raise refuse(409, "amount_too_large", f"there is less left to {left}", "amount")
    return int(text)


def money_of(text: str, asset: str) -> int:
    """Read the amount of a new authorisation."""
    try:
        asset_of(asset, "asset")
    except BezantError as unknown:
        raise refuse(400, unknown.code, unknown.detail, "asset") from None
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= AMOUNT_MAX:
        raise refuse(400, "malformed_amount", "an amount is a whole number in quotes", "amount")
    return int(text)


def need_key(key: str) -> None:
    """Refuse a POST without a key: repeated, it would be done twice."""
    if not 1 <= len(key) <= 255:
        raise refuse(400, "key_required", "a key has 1 to 255 characters", "key")


def known(page: Page, kind: type[Thing], id_: str) -> Thing:
    """Return something by its id."""
    found = page.get(kind, id_)
    if found is None:
        raise refuse(404, "not_found", "there is no such thing")
    return found


def tell(page: Page, kind: str, thing: Authorisation | Capture | Refund | Dispute) -> None:
    """Send an event."""
    event = Event(page.new_id("evt_"), kind, page.now, show(thing))
    page.emit(event.id, kind, msgspec.json.encode(event))

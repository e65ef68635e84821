"""Commerce: charges of the older API, paid in coins that may be too few, too many or too late."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_checkouts import decode
from bezant.sandbox.coinbase_errors import no_such, refused
from bezant.sandbox.coinbase_events import emit_commerce, new_uuid
from bezant.sandbox.coinbase_objects import (
    Charge,
    ChargeStatus,
    CommerceEvent,
    Context,
    Sending,
    Step,
)
from bezant.sandbox.coinbase_values import (
    COMMERCE_FEE_RATE,
    DOLLARS,
    Coins,
    cents_of,
    in_coin,
)
from bezant.sandbox.coinbase_views import View
from bezant.sandbox.coinbase_views import charge as view
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved

OPEN: Final = timedelta(hours=1)
"""How long a payer may take; what comes later is unresolved."""
CONFIRMED: Final = timedelta(minutes=2)
LISTED_MAX: Final = 100
LISTED_DEFAULT: Final = 25
NAME_CHARACTERS_MAX: Final = 100
TEXT_CHARACTERS_MAX: Final = 200
FIRST_BLOCK: Final = 800_000
_HEX: Final = "0123456789abcdef"
_CODE: Final = "ABCDEFGHJKLMNPQRSTVWXYZ0123456789"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_OVER: Final = frozenset({ChargeStatus.EXPIRED, ChargeStatus.CANCELED})


class Price(msgspec.Struct, frozen=True):
    """A price in a currency."""

    amount: str
    currency: str


class ChargeRequest(msgspec.Struct, frozen=True):
    """A charge as it is asked for."""

    pricing_type: str
    name: str = ""
    description: str = ""
    local_price: Price | None = None
    metadata: dict[str, str] = {}
    redirect_url: str = ""
    cancel_url: str = ""


def create(call: Call, page: Page) -> Answer:
    """Open a charge."""
    asked = decode(call, ChargeRequest)
    price = _price(call, asked)
    one = Charge(
        id=new_uuid(page),
        code=page.new_id("", 8, _CODE),
        name=asked.name,
        description=asked.description,
        currency=price[0],
        cents=price[1],
        metadata=asked.metadata,
        redirect_url=asked.redirect_url,
        cancel_url=asked.cancel_url,
        addresses={
            "usdc": page.new_id("0x", 40, _HEX),
            "ethereum": page.new_id("0x", 40, _HEX),
            "bitcoin": page.new_id("bc1q", 38, _BECH32),
        },
        created_at=page.now,
        expires_at=page.now + OPEN,
        timeline=(Step(at=page.now, status=ChargeStatus.NEW),),
    )
    _put(page, one)
    page.mark(one.id, one.code, *one.metadata.values())
    page.later("expire_charge", one.id, OPEN)
    emit_commerce(page, one, "created")
    return Answer.json(201, {"data": view(page, one)})


def find(call: Call, page: Page) -> Answer:
    """List charges, the newest first."""
    found = page.find(Charge, older_than=_after(call), limit=_limit(call) + 1)
    return _listed(call, page, [view(page, one) for one in found])


def show(call: Call, page: Page) -> Answer:
    """Show a charge, by its id or its code."""
    return Answer.json(200, {"data": view(page, _known(call, page))})


def cancel(call: Call, page: Page) -> Answer:
    """Call a charge off that nobody has paid."""
    one = _known(call, page)
    if one.status is not ChargeStatus.NEW:
        raise refused(call, "only a new charge can be canceled")
    page.not_later("expire_charge", one.id)
    one = _step(page, one, ChargeStatus.CANCELED)
    emit_commerce(page, one, "failed")
    return Answer.json(200, {"data": view(page, one)})


def resolve(call: Call, page: Page) -> Answer:
    """Accept what was sent as it is."""
    one = _known(call, page)
    if one.status is not ChargeStatus.UNRESOLVED:
        raise refused(call, "only an unresolved charge can be resolved")
    one = _step(page, one, ChargeStatus.RESOLVED)
    emit_commerce(page, one, "resolved")
    return Answer.json(200, {"data": view(page, one)})


def find_events(call: Call, page: Page) -> Answer:
    """List events, the newest first."""
    found = page.find(CommerceEvent, older_than=_after(call), limit=_limit(call) + 1)
    return _listed(call, page, [msgspec.json.decode(one.body, type=View) for one in found])


def show_event(call: Call, page: Page) -> Answer:
    """Show an event."""
    one = page.get(CommerceEvent, call.at("id"))
    if one is None:
        raise no_such(call, "event")
    return Answer.json(200, {"data": msgspec.json.decode(one.body, type=View)})


def send(page: Page, one: Charge, coins: Coins) -> Charge:
    """Let the payer send coins to a charge, whatever it asks for."""
    sending = Sending(
        transaction=page.new_id("0x", 64, _HEX),
        coins=coins,
        detected_at=page.now,
        late=one.status in _OVER,
        height=FIRST_BLOCK + int(page.now.timestamp()) // 600,
    )
    one = replace(one, sendings=(*one.sendings, sending))
    _put(page, one)
    page.mark(one.id, sending.transaction)
    page.not_later("expire_charge", one.id)
    page.later("confirm_sending", f"{one.id} {sending.transaction}", CONFIRMED)
    if one.status is ChargeStatus.NEW:
        one = _step(page, one, ChargeStatus.PENDING)
        emit_commerce(page, one, "pending")
    return one


def confirm(page: Page, ids: str) -> None:
    """Hear from the chain that coins are there, and see what they are good for."""
    id_, _, transaction = ids.partition(" ")
    one = page.get(Charge, id_)
    assert one is not None, "planned when it was paid"
    sent = next(each for each in one.sendings if each.transaction == transaction)
    done = replace(sent, confirmed=True)
    sendings = tuple(done if each.transaction == transaction else each for each in one.sendings)
    one = replace(one, sendings=sendings)
    _put(page, one)
    coins = sent.coins
    fee = coins.fee(COMMERCE_FEE_RATE)
    page.move(Moved.CHARGE, transaction, one.id, coins.asset, coins.minor, fee=fee)
    wrong = _wrong(one, done)
    if wrong is None:
        emit_commerce(page, _step(page, one, ChargeStatus.COMPLETED), "confirmed")
        return
    one = _step(page, one, ChargeStatus.UNRESOLVED, wrong)
    emit_commerce(page, one, "delayed" if wrong is Context.DELAYED else "failed")


def expire(page: Page, id_: str) -> None:
    """End a charge nobody paid in time."""
    one = page.get(Charge, id_)
    assert one is not None, "planned when it was made"
    if one.status is ChargeStatus.NEW:
        emit_commerce(page, _step(page, one, ChargeStatus.EXPIRED), "failed")


def by_code(page: Page, code: str) -> Charge | None:
    """Return the charge a payer's page is about."""
    return next(iter(page.find(Charge, name=code, limit=1)), None)


def _wrong(one: Charge, sent: Sending) -> Context | None:
    if sent.late:
        return Context.DELAYED
    if sum(each.confirmed for each in one.sendings) > 1:
        return Context.MULTIPLE
    if not one.currency:
        return None
    asked = in_coin(sent.coins.asset, one.currency, one.cents)
    if sent.coins.minor == asked.minor:
        return None
    return Context.UNDERPAID if sent.coins.minor < asked.minor else Context.OVERPAID


def _price(call: Call, asked: ChargeRequest) -> tuple[str, int]:
    too_long = len(asked.name) > NAME_CHARACTERS_MAX or len(asked.description) > TEXT_CHARACTERS_MAX
    if too_long:
        raise refused(call, "name or description is too long")
    if asked.pricing_type == "no_price":
        return "", 0
    if asked.pricing_type != "fixed_price":
        raise refused(call, "pricing_type is fixed_price or no_price")
    if asked.local_price is None:
        raise refused(call, "local_price is missing", "param_required")
    cents = cents_of(asked.local_price.amount)
    if cents is None or asked.local_price.currency not in DOLLARS:
        raise refused(call, "local_price is malformed, or of an unknown currency")
    return asked.local_price.currency, cents


def _step(page: Page, one: Charge, status: ChargeStatus, context: Context | None = None) -> Charge:
    step = Step(at=page.now, status=status, context=context)
    one = replace(one, timeline=(*one.timeline, step))
    _put(page, one)
    return one


def _put(page: Page, one: Charge) -> None:
    page.put(one, name=one.code)


def _known(call: Call, page: Page) -> Charge:
    said = call.at("id")
    one = page.get(Charge, said) or by_code(page, said)
    if one is None:
        raise no_such(call, "charge")
    return one


def _after(call: Call) -> str | None:
    return call.form.get("starting_after") or None


def _limit(call: Call) -> int:
    said = call.form.get("limit", str(LISTED_DEFAULT))
    if not said.isdecimal() or not 1 <= int(said) <= LISTED_MAX:
        raise refused(call, f"limit is 1 to {LISTED_MAX}")
    return int(said)


def _listed(call: Call, page: Page, found: list[View]) -> Answer:
    limit = _limit(call)
    shown = found[:limit]
    ids = [str(one["id"]) for one in shown]
    pagination = {
        "order": "desc",
        "starting_after": _after(call),
        "ending_before": None,
        "total": len(page.find(Charge)),
        "limit": limit,
        "yielded": len(shown),
        "cursor_range": [ids[0], ids[-1]] if ids else [],
        "next_uri": f"{call.path}?limit={limit}&starting_after={ids[-1]}"
        if found[limit:]
        else None,
        "previous_uri": None,
    }
    return Answer.json(200, {"pagination": pagination, "data": shown})

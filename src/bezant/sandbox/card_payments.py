"""Payments at the acquirer "card": authorise, challenge, capture, void, refund, and ask."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox import card_numbers
from bezant.sandbox.book import Page
from bezant.sandbox.card_report import fee_of
from bezant.sandbox.card_requests import (
    amount_of,
    known,
    money_of,
    need_key,
    read,
    refuse,
    tell,
)
from bezant.sandbox.card_shapes import (
    Authorisation,
    AuthorisationWish,
    Capture,
    CardWish,
    Dispute,
    Operation,
    PartWish,
    Refund,
    Status,
    show,
)
from bezant.sandbox.emulator import Call, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.pages import payer_answer
from bezant.sandbox.scripts import REFUSALS, Effect

WINDOW: Final = timedelta(days=7)
DISPUTED_AFTER: Final = timedelta(seconds=0)
LATE_REFUND: Final = timedelta(days=2)


def authorise(call: Call, page: Page) -> Answer:
    """Set money aside, or say no, or ask the payer first."""
    wish = read(call, AuthorisationWish)
    need_key(wish.key)
    amount = money_of(wish.amount, wish.asset)
    card = _card(page, wish.card)
    script = call.script.effect if call.script else None
    made = Authorisation(
        id=page.new_id("auth_"),
        key=wish.key,
        reference=wish.reference,
        amount=amount,
        asset=wish.asset,
        card=card,
        status=Status.AUTHORISED,
        capture=wish.capture,
        created_at=page.now,
        expires_at=page.now + WINDOW,
        decline_code=(call.script.refusal if call.script else "") or card.habit.decline,
        dispute="fraudulent" if script is Effect.DISPUTE else card.habit.dispute,
        return_url=wish.return_url,
    )
    page.mark(made.id, wish.key, wish.reference)
    _note(page, wish.key, "authorise", made.id)
    asks = card.habit.challenge or script is Effect.CHALLENGE
    # A script refuses at once; what a card itself does comes after its payer was asked.
    if asks and not (call.script and call.script.refusal):
        secret = page.new_id("", 32)
        made = replace(
            made,
            status=Status.CHALLENGE,
            challenge=secret,
            challenge_url=f"{call.base_url}/challenges/{made.id}/{secret}",
        )
        _put(page, made)
        page.later("expire", made.id, WINDOW)
        tell(page, "authorisation.challenge", made)
    else:
        made = _decided(page, made)
    return Answer.json(201, show(made))


def _decided(page: Page, made: Authorisation) -> Authorisation:
    if made.decline_code:
        made = replace(made, status=Status.DECLINED)
        _put(page, made)
        tell(page, "authorisation.declined", made)
        return made
    made = replace(made, status=Status.AUTHORISED)
    page.move(Moved.AUTHORISATION, made.id, made.id, made.asset, made.amount, key=made.key)
    if made.capture:
        return _take(page, made, made.amount, made.key, final=True)[0]
    _put(page, made)
    page.later("expire", made.id, WINDOW)
    tell(page, "authorisation.authorised", made)
    return made


def capture(call: Call, page: Page) -> Answer:
    """Take a part, or all that is left."""
    wish = read(call, PartWish)
    need_key(wish.key)
    made = known(page, Authorisation, call.at("id"))
    if made.status not in {Status.AUTHORISED, Status.CAPTURED} or made.closed:
        raise refuse(409, "not_capturable", f"this authorisation is {made.status}")
    left = made.amount - made.captured
    if left == 0:
        raise refuse(409, "not_capturable", "all of it was captured")
    amount = amount_of(wish.amount, left, "capture")
    if call.script is not None and (code := call.script.refusal):
        raise refuse(402, code, "the issuer refuses the capture")
    if call.script is not None and call.script.effect is Effect.DISPUTE:
        made = replace(made, dispute="fraudulent")
    made, taken = _take(page, made, amount, wish.key, final=wish.final)
    _note(page, wish.key, "capture", taken.id)
    return Answer.json(201, show(taken))


def _take(
    page: Page, made: Authorisation, amount: int, key: str, *, final: bool
) -> tuple[Authorisation, Capture]:
    taken = Capture(page.new_id("cap_"), key, made.id, amount, made.asset, page.now)
    captured = made.captured + amount
    closed = final or captured == made.amount
    made = replace(made, captured=captured, status=Status.CAPTURED, closed=closed)
    page.put(taken, parent=made.id)
    _put(page, made)
    fee = fee_of(amount)
    page.move(Moved.CHARGE, taken.id, made.id, made.asset, amount, fee=fee, key=key)
    if closed:
        _give_up(page, made, key)
    tell(page, "authorisation.captured", made)
    if made.dispute:
        page.later("dispute", made.id, DISPUTED_AFTER)
    return made, taken


def void(call: Call, page: Page) -> Answer:
    """Give up what was not captured."""
    wish = read(call, PartWish)
    need_key(wish.key)
    made = known(page, Authorisation, call.at("id"))
    if made.status not in {Status.AUTHORISED, Status.CHALLENGE}:
        raise refuse(409, "not_voidable", f"this authorisation is {made.status}")
    asked = made.status is Status.CHALLENGE
    made = replace(made, status=Status.VOIDED, closed=True)
    _put(page, made)
    if not asked:
        _give_up(page, made, wish.key)
    page.not_later("expire", made.id)
    _note(page, wish.key, "void", made.id)
    tell(page, "authorisation.voided", made)
    return Answer.json(200, show(made))


def expire(page: Page, id_: str) -> None:
    """End an authorisation whose window is over; what was captured of it stays captured."""
    made = page.get(Authorisation, id_)
    if made is None or made.closed or made.status in {Status.DECLINED, Status.VOIDED}:
        return
    asked = made.status is Status.CHALLENGE
    if made.captured == 0:
        made = replace(made, status=Status.EXPIRED)
    made = replace(made, closed=True)
    _put(page, made)
    if not asked:
        _give_up(page, made, "")
    tell(page, "authorisation.expired", made)


def refund(call: Call, page: Page) -> Answer:
    """Give back a part, or all that is left."""
    wish = read(call, PartWish)
    need_key(wish.key)
    made = known(page, Authorisation, call.at("id"))
    left = made.captured - made.refunded - made.disputed
    if left <= 0:
        raise refuse(409, "not_refundable", "there is nothing left to give back")
    amount = amount_of(wish.amount, left, "give back")
    if call.script is not None and (code := call.script.refusal):
        raise refuse(402, code, "the issuer refuses the refund")
    late = made.card.habit.refund
    status = "pending" if late == "late" else "succeeded"
    given = Refund(page.new_id("ref_"), wish.key, made.id, amount, made.asset, status, page.now)
    page.put(given, parent=made.id)
    made = replace(made, refunded=made.refunded + amount)
    _put(page, made)
    page.move(Moved.REFUND, given.id, made.id, made.asset, -amount, key=wish.key)
    if late:
        page.later("refund", given.id, LATE_REFUND)
    _note(page, wish.key, "refund", given.id)
    tell(page, f"refund.{status}", given)
    return Answer.json(201, show(given))


def finish_refund(page: Page, id_: str) -> None:
    """Let a refund arrive late, or come back."""
    given = page.get(Refund, id_)
    made = None if given is None else page.get(Authorisation, given.authorisation)
    assert given is not None
    assert made is not None
    failing = made.card.habit.refund == "failing"
    given = replace(given, status="failed" if failing else "succeeded")
    page.put(given, parent=made.id)
    if failing:
        _put(page, replace(made, refunded=made.refunded - given.amount))
        page.move(Moved.REFUND_FAILED, given.id, made.id, made.asset, given.amount)
    tell(page, f"refund.{given.status}", given)


def challenge(call: Call, page: Page) -> Answer:
    """Show the payer the issuer's question."""
    made = _challenged(call, page)
    if made.status is not Status.CHALLENGE:
        return payer_answer("Nothing to confirm", [f"It is {made.status}."])
    lines = [
        f"Pay {made.amount} {made.asset} (smallest units)",
        f"Card ending in {made.card.last4}",
    ]
    buttons = [(f"{call.path}/confirm", "Yes, it is me"), (f"{call.path}/refuse", "No")]
    return payer_answer("Your bank asks", lines, buttons)


def confirm(call: Call, page: Page) -> Answer:
    """Take the payer's yes; what the card itself does comes now."""
    made = _challenged(call, page)
    if made.status is Status.CHALLENGE:
        page.not_later("expire", made.id)
        made = _decided(page, made)
    return _back(made)


def deny(call: Call, page: Page) -> Answer:
    """Take the payer's no."""
    made = _challenged(call, page)
    if made.status is Status.CHALLENGE:
        page.not_later("expire", made.id)
        made = _decided(page, replace(made, decline_code="authentication_failed"))
    return _back(made)


def _challenged(call: Call, page: Page) -> Authorisation:
    made = known(page, Authorisation, call.at("id"))
    if not made.challenge or made.challenge != call.at("secret"):
        raise refuse(404, "not_found", "there is no such thing")
    return made


def _back(made: Authorisation) -> Answer:
    if made.return_url:
        joint = "&" if "?" in made.return_url else "?"
        return Answer.redirect(f"{made.return_url}{joint}authorisation={made.id}")
    return payer_answer("Thank you", [f"The payment is {made.status}."])


def show_authorisation(call: Call, page: Page) -> Answer:
    return Answer.json(200, show(known(page, Authorisation, call.at("id"))))


def show_capture(call: Call, page: Page) -> Answer:
    return Answer.json(200, show(known(page, Capture, call.at("id"))))


def show_refund(call: Call, page: Page) -> Answer:
    return Answer.json(200, show(known(page, Refund, call.at("id"))))


def find(call: Call, page: Page) -> Answer:
    """Return what was authorised under a key or a reference."""
    key = call.form.get("key", "")
    need_key(key)
    by_key = page.find(Authorisation, name=key)
    by_reference = page.find(Authorisation, parent=key)
    found = {one.id: one for one in (*by_key, *by_reference)}
    script = call.script
    if script is not None and script.effect is Effect.STALE:
        seen = page.now - timedelta(seconds=script.seconds)
        found = {id_: one for id_, one in found.items() if one.created_at < seen}
    return Answer.json(200, {"authorisations": [show(one) for one in found.values()]})


def list_refunds(call: Call, page: Page) -> Answer:
    """List what was given back of an authorisation, whoever asked for it."""
    made = known(page, Authorisation, call.at("id"))
    return Answer.json(200, {"refunds": [show(one) for one in page.find(Refund, parent=made.id)]})


def operation(call: Call, page: Page) -> Answer:
    """Tell what a call under this key did, if it did anything."""
    done = page.get(Operation, call.at("key"))
    if done is None:
        raise refuse(404, "not_found", "nothing was done under this key")
    for kind in (Authorisation, Capture, Refund, Dispute):
        found = page.get(kind, done.object)
        if found is not None:
            return Answer.json(200, {"operation": done.operation, "object": show(found)})
    raise AssertionError(done.object)


def _card(page: Page, wish: CardWish) -> card_numbers.Card:
    digits = wish.number.replace(" ", "")
    if not card_numbers.is_number(digits):
        raise refuse(400, "incorrect_number", "that is no card number", "card.number")
    month, year = _whole(wish.exp_month), _whole(wish.exp_year)
    if not 1 <= month <= 12:
        raise refuse(400, "invalid_expiry", "there is no such month", "card.exp_month")
    if card_numbers.is_over(month, year, page.now.date()):
        raise refuse(400, "expired_card", "the card is over", "card.exp_year")
    if wish.cvc and not (wish.cvc.isdecimal() and 3 <= len(wish.cvc) <= 4):
        raise refuse(400, "invalid_cvc", "a code has three or four digits", "card.cvc")
    return card_numbers.read(digits, month, year, page.print_of)


def _whole(value: int | str) -> int:
    """Read a number that may stand in quotes; 0 if it is none."""
    if isinstance(value, int):
        return value
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 4 else 0


def _put(page: Page, made: Authorisation) -> None:
    page.put(made, name=made.key, parent=made.reference)


def _give_up(page: Page, made: Authorisation, key: str) -> None:
    rest = made.amount - made.captured
    if rest > 0:
        page.move(Moved.VOID, made.id, made.id, made.asset, -rest, key=key)


def _note(page: Page, key: str, name: str, id_: str) -> None:
    page.put(Operation(key, name, id_))


_NONE: Final[frozenset[Effect]] = frozenset()
_PAYING: Final = REFUSALS | {Effect.CHALLENGE, Effect.DISPUTE}
ROUTES: Final = (
    Route("POST", "/authorisations", "authorise", authorise, _PAYING),
    Route("GET", "/authorisations", "find", find, frozenset({Effect.STALE})),
    Route("GET", "/authorisations/{id}", "query", show_authorisation, _NONE),
    Route("POST", "/authorisations/{id}/captures", "capture", capture, REFUSALS | {Effect.DISPUTE}),
    Route("POST", "/authorisations/{id}/void", "void", void, _NONE),
    Route("POST", "/authorisations/{id}/refunds", "refund", refund, REFUSALS),
    Route("GET", "/authorisations/{id}/refunds", "query", list_refunds, _NONE),
    Route("GET", "/captures/{id}", "query", show_capture, _NONE),
    Route("GET", "/refunds/{id}", "query", show_refund, _NONE),
    Route("GET", "/operations/{key}", "query", operation, _NONE),
    Route("GET", "/challenges/{id}/{secret}", "challenge", challenge, _NONE),
    Route("POST", "/challenges/{id}/{secret}/confirm", "challenge", confirm, _NONE),
    Route("POST", "/challenges/{id}/{secret}/refuse", "challenge", deny, _NONE),
)

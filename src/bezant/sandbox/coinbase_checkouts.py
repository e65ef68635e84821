"""Checkouts, and Payment Links before them: a request for one payment in USDC.

Both APIs are alike but for their path, the name of their list, how long they wait by default, and
that only a checkout takes other currencies and refunds.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from bezant.money import format_minor
from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_errors import no_such, refused
from bezant.sandbox.coinbase_events import emit_business
from bezant.sandbox.coinbase_objects import (
    Checkout,
    CheckoutRefund,
    CheckoutStatus,
    Dialect,
    RefundStatus,
)
from bezant.sandbox.coinbase_values import (
    CENTS,
    DOLLARS,
    FEE_RATE,
    USDC,
    Coins,
    cents_of,
    in_usdc,
)
from bezant.sandbox.coinbase_views import checkout as view
from bezant.sandbox.coinbase_views import refund as refund_view
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved
from bezant.sandbox.scripts import Effect

ON_CHAIN: Final = timedelta(seconds=20)
"""How long the chain takes until a transfer is final."""
WAITS: Final = {Dialect.CHECKOUTS: timedelta(days=1), Dialect.PAYMENT_LINKS: timedelta(days=365)}
LISTED: Final = {Dialect.CHECKOUTS: "checkouts", Dialect.PAYMENT_LINKS: "paymentLinks"}
PAGE_DEFAULT: Final = 20
PAGE_MAX: Final = 100
TEXT_CHARACTERS_MAX: Final = 500
URL_CHARACTERS_MAX: Final = 2_048
METADATA_ENTRIES_MAX: Final = 20
METADATA_CHARACTERS_MAX: Final = 100
_HEX: Final = "0123456789abcdef"
_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_REFUNDABLE: Final = frozenset({CheckoutStatus.COMPLETED, CheckoutStatus.PARTIALLY_REFUNDED})

Shape = TypeVar("Shape", bound=msgspec.Struct)


class CheckoutRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A checkout as it is asked for."""

    amount: str
    currency: str
    network: str = "base"
    description: str = ""
    metadata: dict[str, str] = {}
    success_redirect_url: str = ""
    fail_redirect_url: str = ""
    expires_at: datetime | None = None


class RefundRequest(msgspec.Struct, frozen=True):
    """A refund as it is asked for."""

    amount: str
    currency: str = ""
    reason: str = ""


def decode(call: Call, shape: type[Shape]) -> Shape:
    """Read a request."""
    try:
        return msgspec.json.decode(call.body, type=shape)
    except msgspec.DecodeError as mistake:
        raise refused(call, str(mistake)) from mistake


def create(call: Call, page: Page) -> Answer:
    """Open a checkout."""
    asked = decode(call, CheckoutRequest)
    dialect = _dialect(call)
    cents = _check(call, asked, dialect, page.now)
    fiat = asked.currency != USDC
    expires_at = asked.expires_at or page.now + WAITS[dialect]
    one = Checkout(
        id=page.new_id("", 24, _HEX),
        dialect=dialect,
        slug=page.new_id("pl_01", 24, _BASE32),
        status=CheckoutStatus.ACTIVE,
        amount=in_usdc(asked.currency, cents),
        address=page.new_id("0x", 40, _HEX),
        description=asked.description,
        metadata=asked.metadata,
        success_url=asked.success_redirect_url,
        fail_url=asked.fail_redirect_url,
        created_at=page.now,
        updated_at=page.now,
        expires_at=expires_at.astimezone(UTC),
        fiat_amount=format_minor(cents, CENTS) if fiat else "",
        fiat_currency=asked.currency if fiat else "",
    )
    put(page, one)
    key = call.header("x-idempotency-key")
    page.mark(one.id, one.slug, key, *one.metadata.values())
    page.later("expire_checkout", one.id, one.expires_at - page.now)
    return Answer.json(201, view(page, one))


def find(call: Call, page: Page) -> Answer:
    """List checkouts, the newest first."""
    dialect = _dialect(call)
    said = call.form
    size = said.get("pageSize", str(PAGE_DEFAULT))
    if not size.isdecimal() or not 1 <= int(size) <= PAGE_MAX:
        raise refused(call, f"pageSize is 1 to {PAGE_MAX}")
    statuses = {value for name, value in call.pairs if name == "status"}
    text = said.get("descriptionQuery", "").lower()
    since, until = _time(call, "startTime"), _time(call, "endTime")
    stale = call.script is not None and call.script.effect is Effect.STALE
    hidden = page.now - timedelta(seconds=call.script.seconds if call.script and stale else -1)
    found = [
        one
        for one in page.find(Checkout, parent=dialect, older_than=said.get("pageToken") or None)
        if (not statuses or one.status in statuses)
        and text in one.description.lower()
        and (since is None or one.created_at >= since)
        and (until is None or one.created_at <= until)
        and one.created_at < hidden
    ]
    shown = found[: int(size)]
    listed: dict[str, object] = {LISTED[dialect]: [view(page, one) for one in shown]}
    if len(found) > len(shown):
        listed["nextPageToken"] = shown[-1].id
    return Answer.json(200, listed)


def show(call: Call, page: Page) -> Answer:
    """Show a checkout."""
    return Answer.json(200, view(page, _known(call, page)))


def deactivate(call: Call, page: Page) -> Answer:
    """Let nobody pay it any more."""
    one = _known(call, page)
    if one.status is not CheckoutStatus.ACTIVE:
        raise refused(call, f"a checkout that is {one.status} cannot be deactivated")
    one = replace(one, status=CheckoutStatus.DEACTIVATED, updated_at=page.now)
    put(page, one)
    page.not_later("expire_checkout", one.id)
    return Answer.json(200, view(page, one))


def refund(call: Call, page: Page) -> Answer:
    """Send all or a part of it back to the payer."""
    one = _known(call, page)
    asked = decode(call, RefundRequest)
    if one.status not in _REFUNDABLE:
        raise refused(call, f"a checkout that is {one.status} cannot be refunded")
    currency = asked.currency or one.fiat_currency or USDC
    if currency not in {USDC, one.fiat_currency}:
        raise refused(call, "a refund is in USDC or in the currency of the checkout")
    cents = cents_of(asked.amount)
    if cents is None or len(asked.reason) > TEXT_CHARACTERS_MAX:
        raise refused(call, "the amount has to be more than 0, with at most 2 decimals")
    amount = in_usdc(currency, cents) if currency == USDC else _of_fiat(one, cents)
    if one.refunded + amount.minor > one.amount.minor:
        raise refused(call, "the refund exceeds what is left of the checkout")
    script = call.script
    if script is not None and script.effect in {Effect.DECLINE, Effect.HARD_DECLINE}:
        raise refused(call, "there is too little in the account", "insufficient_balance", 422)
    made = CheckoutRefund(
        id=page.new_id("", 24, _HEX),
        amount=amount,
        fiat_cents=0 if currency == USDC else cents,
        status=RefundStatus.PENDING,
        reason=asked.reason,
        fails=script is not None and script.effect in {Effect.RETURN, Effect.SOFT_DECLINE},
    )
    one = replace(one, refunds=(*one.refunds, made), updated_at=page.now)
    put(page, one)
    key = call.header("x-idempotency-key")
    page.move(Moved.REFUND, made.id, one.id, USDC, -amount.minor, key=key)
    page.mark(one.id, made.id)
    page.later("finish_refund", f"{one.id} {made.id}", ON_CHAIN)
    return Answer.json(200, {"checkout": view(page, one), "refund": refund_view(one, made)})


def again(page: Page, id_: str) -> Answer | None:
    """Answer a repeated creation with the checkout as it is now."""
    one = page.get(Checkout, id_)
    return None if one is None else Answer.json(201, view(page, one))


def pay(page: Page, one: Checkout, *, fails: bool) -> Checkout:
    """Let the payer send the money; the chain says later whether it worked."""
    one = replace(
        one,
        status=CheckoutStatus.PROCESSING,
        transaction=page.new_id("0x", 64, _HEX),
        fails=fails,
        updated_at=page.now,
    )
    put(page, one)
    page.not_later("expire_checkout", one.id)
    page.later("settle_checkout", one.id, ON_CHAIN)
    return one


def settle(page: Page, id_: str) -> None:
    """Hear from the chain what became of a payment."""
    one = _there(page, id_)
    if one.fails:
        one = replace(one, status=CheckoutStatus.FAILED, transaction="", updated_at=page.now)
        put(page, one)
        emit_business(page, one, "payment.failed")
        return
    fee = one.amount.fee(FEE_RATE)
    one = replace(one, status=CheckoutStatus.COMPLETED, fee=fee, updated_at=page.now)
    put(page, one)
    page.move(Moved.CHARGE, one.transaction, one.id, USDC, one.amount.minor, fee=fee)
    emit_business(page, one, "payment.success")


def expire(page: Page, id_: str) -> None:
    """End a checkout nobody paid in time."""
    one = _there(page, id_)
    if one.status is CheckoutStatus.ACTIVE:
        one = replace(one, status=CheckoutStatus.EXPIRED, updated_at=page.now)
        put(page, one)
        emit_business(page, one, "payment.expired")


def finish_refund(page: Page, ids: str) -> None:
    """Hear from the chain what became of a refund."""
    id_, _, refund_id = ids.partition(" ")
    one = _there(page, id_)
    made = next(each for each in one.refunds if each.id == refund_id)
    if made.fails:
        done = replace(made, status=RefundStatus.FAILED)
        page.move(Moved.REFUND_FAILED, made.id, one.id, USDC, made.amount.minor)
    else:
        hash_ = page.new_id("0x", 64, _HEX)
        done = replace(
            made, status=RefundStatus.COMPLETED, transaction=hash_, completed_at=page.now
        )
    refunds = tuple(done if each.id == refund_id else each for each in one.refunds)
    finished = [each.amount.minor for each in refunds if each.status is RefundStatus.COMPLETED]
    status = one.status
    if finished:
        whole = sum(finished) == one.amount.minor
        status = CheckoutStatus.REFUNDED if whole else CheckoutStatus.PARTIALLY_REFUNDED
    one = replace(one, refunds=refunds, status=status, updated_at=page.now)
    put(page, one)
    emit_business(page, one, "refund.failed" if made.fails else "refund.success")


def _of_fiat(one: Checkout, cents: int) -> Coins:
    """Return what is owed for a refund in the checkout's currency.

    Worked out from all such refunds together: parts that make a whole give back the whole.
    """
    before = [each for each in one.given_back if each.fiat_cents]
    all_cents = cents + sum(each.fiat_cents for each in before)
    owed = in_usdc(one.fiat_currency, all_cents).minor - sum(each.amount.minor for each in before)
    return Coins(USDC, owed)


def put(page: Page, one: Checkout) -> None:
    """Keep a checkout where its API and the payer's page find it."""
    page.put(one, parent=one.dialect, name=one.slug)


def _check(call: Call, asked: CheckoutRequest, dialect: Dialect, now: datetime) -> int:
    cents = cents_of(asked.amount)
    known = {USDC, *DOLLARS} if dialect is Dialect.CHECKOUTS else {USDC}
    longest = max(map(len, (*asked.metadata, *asked.metadata.values())), default=0)
    urls = [url for url in (asked.success_redirect_url, asked.fail_redirect_url) if url]
    faults = (
        (asked.currency not in known, "this currency is not supported"),
        (asked.network != "base", "this network is not supported"),
        (len(asked.description) > TEXT_CHARACTERS_MAX, "the description is too long"),
        (len(asked.metadata) > METADATA_ENTRIES_MAX, "metadata has at most 20 entries"),
        (longest > METADATA_CHARACTERS_MAX, "metadata is at most 100 characters long"),
        (not all(map(_is_secure, urls)), "a redirect address has to use HTTPS"),
        (asked.expires_at is not None and asked.expires_at <= now, "expiresAt is in the past"),
    )
    for wrong, text in faults:
        if wrong:
            raise refused(call, text)
    if cents is None:
        raise refused(call, "amount is 0.01 to 100000000, with at most 2 decimals")
    return cents


def _is_secure(url: str) -> bool:
    parts = urlsplit(url)
    # Coinbase insists on HTTPS; a shop that is tried on the same machine may do without.
    local = parts.scheme == "http" and parts.hostname in _LOCAL
    return (parts.scheme == "https" or local) and len(url) <= URL_CHARACTERS_MAX


def _dialect(call: Call) -> Dialect:
    links = call.path.startswith(f"/api/v1/{Dialect.PAYMENT_LINKS}")
    return Dialect.PAYMENT_LINKS if links else Dialect.CHECKOUTS


def _known(call: Call, page: Page) -> Checkout:
    one = page.get(Checkout, call.at("id"))
    if one is None or one.dialect is not _dialect(call):
        raise no_such(call, "checkout")
    return one


def _there(page: Page, id_: str) -> Checkout:
    one = page.get(Checkout, id_)
    assert one is not None, "planned when it was made"
    return one


def _time(call: Call, name: str) -> datetime | None:
    said = call.form.get(name)
    if not said:
        return None
    try:
        return msgspec.convert(said, datetime).astimezone(UTC)
    except msgspec.ValidationError as mistake:
        raise refused(call, f"{name} looks like 2026-01-31T10:30:00Z") from mistake

"""The merchant's balance at Stripe: its lines, its payouts, and the report about a day."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call, Route, SettlementFile
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import ASIDE, Moved
from bezant.sandbox.stripe_errors import missing
from bezant.sandbox.stripe_events import tell
from bezant.sandbox.stripe_expand import told
from bezant.sandbox.stripe_render import payout as show_payout
from bezant.sandbox.stripe_render import transaction as show_transaction
from bezant.sandbox.stripe_requests import Wish, decimals_of, midnight
from bezant.sandbox.stripe_shapes import PaymentIntent, Payout, Refund, Transaction

PAYOUT_AFTER: Final = timedelta(days=2)
DISPUTE_FEE: Final = 1_500
BANK_FEE_MAX: Final = 500
# What a line is called: its `type`, its `reporting_category`.
_CALLED: Final[Mapping[tuple[Moved, bool], tuple[str, str]]] = {
    (Moved.CHARGE, True): ("charge", "charge"),
    (Moved.CHARGE, False): ("payment", "charge"),
    (Moved.REFUND, True): ("refund", "refund"),
    (Moved.REFUND, False): ("payment_refund", "refund"),
    (Moved.REFUND_FAILED, True): ("refund_failure", "refund_failure"),
    (Moved.REFUND_FAILED, False): ("refund_failure", "refund_failure"),
    (Moved.DISPUTE, True): ("adjustment", "dispute"),
    (Moved.DISPUTE, False): ("adjustment", "dispute"),
    (Moved.DISPUTE_WON, True): ("adjustment", "dispute_reversal"),
    (Moved.DISPUTE_WON, False): ("adjustment", "dispute_reversal"),
    (Moved.RETURN, False): ("payment_failure_refund", "charge_failure"),
}
HEAD: Final = (
    "balance_transaction_id",
    "created_utc",
    "available_on_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "charge_id",
    "payment_intent_id",
    "automatic_payout_id",
    "automatic_payout_effective_at_utc",
    "description",
)
# A report has columns of metadata for the keys its customer picks; these were picked.
_PICKED: Final = ("attempt", "payment")


def card_fee(amount: int) -> int:
    """Return 2.9 percent and thirty, rounded half up."""
    return min(amount, (amount * 29 + 500) // 1_000 + 30)


def bank_fee(amount: int) -> int:
    """Return 0.8 percent, at most five dollars."""
    return min(BANK_FEE_MAX, (amount * 8 + 500) // 1_000)


def book(
    page: Page,
    kind: Moved,
    source: str,
    intent: str,
    currency: str,
    amount: int,
    *,
    fee: int = 0,
    key: str = "",
    card: bool = True,
) -> Transaction:
    """Write a line of the balance, and plan the payout that takes it along."""
    type_, category = _CALLED[kind, card]
    end = midnight(page.now) + timedelta(days=1)
    line = Transaction(
        page.new_id("txn_"),
        type_,
        category,
        source,
        intent,
        amount,
        fee,
        currency,
        page.now,
        end + PAYOUT_AFTER - timedelta(days=1),
    )
    page.put(line, parent=source)
    page.move(kind, line.id, intent, currency.upper(), amount, fee=fee, key=key)
    page.later("payout", f"{currency} {end.date()}", end + PAYOUT_AFTER - page.now)
    return line


def pay_out(page: Page, subject: str) -> None:
    """Send to the bank what a day and those before it brought, if that is anything."""
    currency, _, day = subject.partition(" ")
    taken = page.unpaid(currency.upper(), datetime.fromisoformat(day).replace(tzinfo=UTC))
    amount = sum(one.net for one in taken)
    if amount <= 0:
        return
    id_ = page.new_id("po_")
    line = Transaction(
        page.new_id("txn_"), "payout", "payout", id_, "", -amount, 0, currency, page.now, page.now
    )
    made = Payout(id_, amount, currency, page.now, page.now, line.id)
    page.put(line, parent=id_)
    page.put(made)
    page.move(Moved.PAYOUT, line.id, id_, currency.upper(), -amount)
    page.pay_out(id_, taken)
    tell(page, "payout.created", made)
    tell(page, "payout.paid", made)


def report(page: Page, day: date) -> SettlementFile:
    """Return one row for every line of the balance of a day, in major units."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(
        (
            *HEAD,
            *(f"payment_metadata[{key}]" for key in _PICKED),
            *(f"refund_metadata[{key}]" for key in _PICKED),
        )
    )
    for moved in page.movements_between(begin, begin + timedelta(days=1)):
        if moved.kind in ASIDE:
            continue
        line = page.get(Transaction, moved.id)
        assert line is not None, moved.id
        paid = page.get(Payout, moved.payout) if moved.payout else None
        places = decimals_of(line.currency)
        rows.writerow(
            (
                line.id,
                _instant(line.created),
                _instant(line.available_on),
                line.currency,
                _major(line.amount, places),
                _major(line.fee, places),
                _major(line.amount - line.fee, places),
                line.category,
                line.source,
                line.source if line.source.startswith(("ch_", "py_")) else "",
                line.intent,
                moved.payout or (line.source if line.type == "payout" else ""),
                _instant(paid.arrival) if paid else "",
                line.description,
                *_metadata(page, PaymentIntent, line.intent),
                *_metadata(page, Refund, line.source),
            )
        )
    name = f"balance_change_from_activity.itemized-{day}.csv"
    return SettlementFile(name, "text/csv", written.getvalue())


def _metadata(page: Page, kind: type[PaymentIntent] | type[Refund], id_: str) -> Sequence[str]:
    found = page.get(kind, id_) if id_ else None
    return [found.metadata.get(key, "") if found else "" for key in _PICKED]


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _major(amount: int, places: int) -> str:
    whole, part = divmod(abs(amount), 10**places)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{places}}" if places else f"{sign}{whole}"


def show_balance(call: Call, page: Page) -> Answer:
    """Return what is there, and what will be."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for line in page.find(Transaction):
        part = sums["available" if page.now >= line.available_on else "pending"]
        part[line.currency] = part.get(line.currency, 0) + line.amount - line.fee
    shown = {
        name: [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(part.items())
        ]
        for name, part in sums.items()
    }
    return told(page, Wish(call), {"object": "balance", "livemode": False, **shown})


def list_transactions(call: Call, page: Page) -> Answer:
    names = ("type", "source", "payout", "currency", "created", "limit")
    wish = Wish(call, *names, "starting_after", "ending_before")
    kind, payout, currency = wish.text("type"), wish.text("payout"), wish.text("currency")
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    moved = page.movements_between(begin, page.now + timedelta(days=1)) if payout else []
    taken = {one.id for one in moved if payout in {one.payout, one.payment}}
    found = wish.page_of(
        page,
        Transaction,
        lambda one: show_transaction(page, one),
        parent=wish.text("source") or None,
        wanted=lambda one: (
            (not kind or one.type == kind)
            and (not currency or one.currency == currency)
            and (not payout or one.id in taken)
            and wish.within("created", one.created)
        ),
    )
    return told(page, wish, found)


def show_one(call: Call, page: Page) -> Answer:
    found = page.get(Transaction, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "balance transaction")
    return told(page, Wish(call), show_transaction(page, found))


def list_payouts(call: Call, page: Page) -> Answer:
    wish = Wish(call, "created", "arrival_date", "limit", "starting_after", "ending_before")
    found = wish.page_of(
        page,
        Payout,
        lambda one: show_payout(page, one),
        wanted=lambda one: (
            wish.within("created", one.created) and wish.within("arrival_date", one.arrival)
        ),
    )
    return told(page, wish, found)


def show_one_payout(call: Call, page: Page) -> Answer:
    found = page.get(Payout, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "payout")
    return told(page, Wish(call), show_payout(page, found))


ROUTES: Final = (
    Route("GET", "/v1/balance", "retrieve", show_balance, frozenset()),
    Route("GET", "/v1/balance_transactions", "list", list_transactions, frozenset()),
    Route("GET", "/v1/balance_transactions/{id}", "retrieve", show_one, frozenset()),
    Route("GET", "/v1/payouts", "list", list_payouts, frozenset()),
    Route("GET", "/v1/payouts/{id}", "retrieve", show_one_payout, frozenset()),
)

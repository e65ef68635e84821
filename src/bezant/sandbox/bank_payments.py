"""Orders to send money: pain.001 in, pain.002 out, now and whenever somebody asks again."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

from bezant.sandbox.bank_account import (
    Account,
    ComingBack,
    Entry,
    EntryKind,
    SentOrder,
    SentTransfer,
    Status,
)
from bezant.sandbox.bank_booking import CHARGE_CENTS, book, draft, give_back
from bezant.sandbox.bank_document import NotADocument
from bezant.sandbox.bank_errors import no_such, refused, xml
from bezant.sandbox.bank_orders import Order, OrderedBatch, OrderedTransfer, read_order
from bezant.sandbox.bank_reports import report
from bezant.sandbox.bank_rules import CLOSED_IBAN, Refusal, cents, of_order, of_transfer
from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.scripts import Effect, Script

SETTLE: Final = timedelta(hours=2)
"""How long the other bank takes to say that a transfer arrived."""
COME_BACK: Final = timedelta(days=1)
_DECLINES: Final = {
    Effect.DECLINE: "MS03",
    Effect.HARD_DECLINE: "AC06",
    Effect.SOFT_DECLINE: "AM04",
}


def pay(call: Call, page: Page) -> Answer:
    """Take an order, and do at once what can be done at once."""
    try:
        order = read_order(call.body)
    except NotADocument as mistake:
        raise refused(400, "FORMAT_ERROR", str(mistake)) from mistake
    whole = of_order(order, known=page.get(SentOrder, order.id) is not None)
    sent = SentOrder(
        id=order.id,
        kind=order.kind,
        count=len(order.transfers()),
        received_at=page.now,
        transfers=() if whole else tuple(_transfers(page, order, call)),
        reason=whole.code if whole else "",
        explained=whole.explained if whole else "",
    )
    if whole is None:
        page.put(sent)
        page.later("settle", sent.id, SETTLE)
    location = ("location", f"{call.base_url}/payments/{sent.id}")
    return xml(201, report(sent, page.now)).having(location)


def status(call: Call, page: Page) -> Answer:
    """Report on an order as it stands now."""
    order = page.get(SentOrder, call.at("id"))
    if order is None:
        raise no_such("payment")
    return xml(200, report(order, page.now))


def execute(page: Page, day_and_id: str) -> None:
    """Send what waited for its day."""
    id_ = day_and_id.partition(" ")[2]

    def sent(one: SentTransfer) -> SentTransfer:
        return _sent(page, one, id_) if one.on <= page.now.date() else one

    _change(page, id_, Status.PENDING, sent)
    page.later("settle", id_, SETTLE)


def settle(page: Page, id_: str) -> None:
    """Learn that what was sent has arrived."""
    _change(page, id_, Status.IN_PROCESS, lambda one: replace(one, status=Status.SETTLED))


def come_back(page: Page, entry_id: str) -> None:
    """Book a transfer that the other bank returned."""
    entry = page.get(Entry, entry_id)
    coming = page.get(ComingBack, entry_id)
    assert entry is not None, "planned when it was sent"
    assert coming is not None, "planned when it was sent"
    give_back(page, entry, EntryKind.CAME_BACK, coming.reason)


def _transfers(page: Page, order: Order, call: Call) -> Iterable[SentTransfer]:
    key = call.header("x-request-id")
    for batch in order.batches:
        for transfer in batch.transfers:
            yield _transfer(page, order.id, batch, transfer, call.script, key)


def _transfer(
    page: Page,
    order: str,
    batch: OrderedBatch,
    transfer: OrderedTransfer,
    script: Script | None,
    key: str,
) -> SentTransfer:
    minor = cents(transfer.amount)
    written = SentTransfer(
        batch=batch.id,
        end_to_end=transfer.end_to_end,
        minor=0 if isinstance(minor, Refusal) else minor,
        debtor_iban=batch.iban,
        creditor=transfer.creditor,
        creditor_iban=transfer.iban,
        reference=transfer.reference,
        text=transfer.text,
        on=batch.requested_on or page.now.date(),
        status=Status.PENDING,
    )
    refusal = _scripted(script) or _of_account(page, batch) or of_transfer(transfer)
    if refusal is not None:
        return _rejected(written, refusal)
    if written.on > page.now.date():
        begin = datetime.combine(written.on, time.min, UTC)
        page.later("execute", f"{written.on} {order}", begin - page.now)
        return written
    returned = script if script and script.effect is Effect.RETURN else None
    return _sent(page, written, order, key, returned)


def _sent(
    page: Page, transfer: SentTransfer, order: str, key: str = "", returned: Script | None = None
) -> SentTransfer:
    account = page.get(Account, transfer.debtor_iban)
    if account is None or account.balance < transfer.minor:
        return _rejected(transfer, Refusal("AM04"))
    entry = book(
        page,
        replace(
            draft(page, EntryKind.SENT, account.iban, -transfer.minor),
            other_name=transfer.creditor,
            other_iban=transfer.creditor_iban,
            end_to_end=transfer.end_to_end,
            reference=transfer.reference,
            text=transfer.text,
            order=order,
            batch=transfer.batch,
        ),
        key,
    )
    charge = draft(page, EntryKind.CHARGE, account.iban, -CHARGE_CENTS)
    book(page, replace(charge, original=entry.id, text=f"Transfer {entry.id}"))
    if returned is not None:
        _plan_return(page, entry, returned.code or "MS03", timedelta(seconds=returned.seconds))
    elif transfer.creditor_iban == CLOSED_IBAN:
        _plan_return(page, entry, "AC04", COME_BACK)
    return replace(transfer, status=Status.IN_PROCESS, entry=entry.id)


def _plan_return(page: Page, entry: Entry, reason: str, after: timedelta) -> None:
    page.put(ComingBack(id=entry.id, reason=reason))
    page.later("come_back", entry.id, after)


def _change(
    page: Page, id_: str, status: Status, change: Callable[[SentTransfer], SentTransfer]
) -> None:
    order = page.get(SentOrder, id_)
    assert order is not None, "planned when it arrived"
    changed = (change(one) if one.status is status else one for one in order.transfers)
    page.put(replace(order, transfers=tuple(changed)))


def _scripted(script: Script | None) -> Refusal | None:
    if script is None or script.effect not in _DECLINES:
        return None
    return Refusal(script.code or _DECLINES[script.effect])


def _of_account(page: Page, batch: OrderedBatch) -> Refusal | None:
    return None if page.get(Account, batch.iban) else Refusal("AC02")


def _rejected(transfer: SentTransfer, refusal: Refusal) -> SentTransfer:
    return replace(
        transfer, status=Status.REJECTED, reason=refusal.code, explained=refusal.explained
    )

"""Booking: every cent that moves on an account becomes an entry, a notification and a movement."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final

from bezant.sandbox.bank_account import CURRENCY, Account, ArrivingTransfer, Entry, EntryKind
from bezant.sandbox.bank_numbers import is_reference
from bezant.sandbox.bank_statements import NOTIFICATION, notification, statement
from bezant.sandbox.book import Page
from bezant.sandbox.movement import Moved

CHARGE_CENTS: Final = 10
"""What the bank asks for a transfer out of an account; booked as an entry of its own."""
_SIGNS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# An account's owner has been given money back, or has lost what was given.
_MOVED: Final = {
    EntryKind.RECEIVED: Moved.CHARGE,
    EntryKind.RECEIVED_INSTANT: Moved.CHARGE,
    EntryKind.SENT: Moved.REFUND,
    EntryKind.CAME_BACK: Moved.REFUND_FAILED,
    EntryKind.TAKEN_BACK: Moved.RETURN,
    EntryKind.CHARGE: Moved.FEE,
}


def book(page: Page, draft: Entry, key: str = "") -> Entry:
    """Book an entry: number, reference, balance and time are given here."""
    account = page.get(Account, draft.iban)
    assert account is not None, "who books has looked for the account"
    entry = replace(
        draft,
        id=page.new_id(f"{page.now:%y%m%d}", 10, _SIGNS),
        number=account.entries + 1,
        balance=account.balance + draft.minor,
        booked_at=page.now,
    )
    account = replace(account, balance=entry.balance, entries=entry.number)
    page.put(account)
    page.put(entry, parent=entry.iban, name=f"{entry.booked_at:%Y-%m-%d}")
    payment = entry.original or entry.id
    page.move(_MOVED[entry.kind], entry.id, payment, CURRENCY, entry.minor, key=key)
    page.mark(payment, entry.reference, entry.end_to_end, entry.order)
    page.emit(entry.id, NOTIFICATION, notification(account, [entry], page.now))
    return entry


def draft(page: Page, kind: EntryKind, iban: str, minor: int) -> Entry:
    """Begin an entry that is still to be booked."""
    return Entry(id="", iban=iban, number=0, kind=kind, minor=minor, balance=0, booked_at=page.now)


def receive(page: Page, transfer: ArrivingTransfer) -> ArrivingTransfer:
    """Book a transfer that arrives."""
    kind = EntryKind.RECEIVED_INSTANT if transfer.instant else EntryKind.RECEIVED
    right = is_reference(transfer.reference)
    entry = book(
        page,
        replace(
            draft(page, kind, transfer.creditor_iban, transfer.minor),
            other_name=transfer.debtor,
            other_iban=transfer.debtor_iban,
            end_to_end=transfer.end_to_end,
            # What a payer mistyped travels as text, and somebody has to guess what it is for.
            reference=transfer.reference if right else "",
            text=transfer.text if right else (transfer.text or transfer.reference),
        ),
    )
    page.mark(entry.id, transfer.id)
    arrived = replace(transfer, entry=entry.id)
    page.put(arrived)
    if arrived.return_code:
        page.later("take_back", arrived.id, timedelta(seconds=arrived.return_seconds))
    return arrived


def take_back(page: Page, transfer: ArrivingTransfer, reason: str) -> Entry:
    """Book that a transfer that had arrived goes back to its sender."""
    arrived = page.get(Entry, transfer.entry)
    assert arrived is not None, "only what arrived goes back"
    entry = give_back(page, arrived, EntryKind.TAKEN_BACK, reason)
    page.put(replace(transfer, returned=entry.id))
    return entry


def give_back(page: Page, entry: Entry, kind: EntryKind, reason: str) -> Entry:
    """Book an entry's whole amount the other way."""
    return book(
        page,
        replace(entry, kind=kind, minor=-entry.minor, reason=reason, original=entry.id),
    )


def day_statement(page: Page, account: Account, on: date) -> bytes:
    """Write the statement of a day from what was booked on it."""
    entries = page.find(Entry, parent=account.iban, name=on.isoformat())[::-1]
    begin = datetime.combine(on, time.min, page.now.tzinfo)
    opening = account.opening
    if entries:
        opening = entries[0].balance - entries[0].minor
    else:
        earlier = page.find(Entry, parent=account.iban)
        opening = next((one.balance for one in earlier if one.booked_at < begin), opening)
    # The same day always gives the same bytes, once it is over.
    written_at = min(page.now, begin + timedelta(days=1))
    return statement(account, entries, opening, on, written_at)

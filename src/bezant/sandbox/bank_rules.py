"""What the bank accepts: rules of the SEPA credit transfer, and the codes it refuses with."""

from dataclasses import dataclass
from typing import Final

from bezant.errors import Invalid
from bezant.money import parse_minor
from bezant.sandbox.bank_account import CURRENCY, EXPONENT, MINOR_MAX
from bezant.sandbox.bank_numbers import iban, is_iban, is_reference
from bezant.sandbox.bank_orders import Order, OrderedTransfer

_OTHER_BANK: Final = "10010010"
CLOSED_IBAN: Final = iban("DE", _OTHER_BANK + "0000000404")
"""A transfer to it is accepted, and comes back a day later with `AC04`."""
BLOCKED_IBAN: Final = iban("DE", _OTHER_BANK + "0000000403")
"""A transfer to it is refused at once with `AC06`."""
TEXT_CHARACTERS_MAX: Final = 140
NAME_CHARACTERS_MAX: Final = 70
REFERENCE_CHARACTERS_MAX: Final = 35

# ISO's lists of status and return reasons, as far as this bank has one to give.
REASONS: Final = {
    "AC01": "the account number of the creditor is wrong",
    "AC02": "the account number of the debtor is wrong",
    "AC04": "the account is closed",
    "AC06": "the account is blocked",
    "AG01": "this transaction is forbidden on this kind of account",
    "AM01": "the amount is zero",
    "AM03": "this currency is not allowed",
    "AM04": "the account has too little money",
    "AM05": "this transfer was ordered before",
    "AM10": "the control sum is wrong",
    "AM12": "the amount is malformed or too large",
    "AM18": "the number of transactions is wrong",
    "BE04": "the name of the creditor is missing",
    "DU01": "the message identification was used before",
    "FF01": "the file format is wrong",
    "FOCR": "returned at the request of the sender's bank",
    "MD07": "the account's owner is deceased",
    "MS03": "the bank gives no reason",
    "RR12": "the structured reference is wrong",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is refused."""

    code: str

    @property
    def explained(self) -> str:
        """Return the reason in words."""
        return REASONS.get(self.code, REASONS["MS03"])


def cents(text: str) -> int | Refusal:
    """Read an amount of euros."""
    try:
        minor = parse_minor(text, EXPONENT)
    except Invalid:
        return Refusal("AM12")
    if minor == 0:
        return Refusal("AM01")
    return minor if 0 < minor <= MINOR_MAX else Refusal("AM12")


def of_order(order: Order, *, known: bool) -> Refusal | None:
    """Return why a whole order is refused."""
    if known:
        return Refusal("DU01")
    if len(order.id) > REFERENCE_CHARACTERS_MAX:
        return Refusal("FF01")
    if not order.count_fits():
        return Refusal("AM18")
    return None if order.sum_fits() else Refusal("AM10")


def of_transfer(transfer: OrderedTransfer) -> Refusal | None:
    """Return why one transfer is refused, by itself and whatever is on the account."""
    minor = cents(transfer.amount)
    if isinstance(minor, Refusal):
        return minor
    too_long = len(transfer.text) > TEXT_CHARACTERS_MAX
    too_long |= len(transfer.creditor) > NAME_CHARACTERS_MAX
    too_long |= len(transfer.end_to_end) > REFERENCE_CHARACTERS_MAX
    faults = (
        ("AM03", transfer.currency != CURRENCY),
        ("BE04", not transfer.creditor),
        ("AC01", not is_iban(transfer.iban)),
        ("AC06", transfer.iban == BLOCKED_IBAN),
        ("RR12", transfer.reference != "" and not is_reference(transfer.reference)),
        ("FF01", too_long),
    )
    return next((Refusal(code) for code, wrong in faults if wrong), None)

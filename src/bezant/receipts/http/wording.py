"""What a receipt says to people, in everyday language: on its page and on paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bezant.actor import Mode
from bezant.receipts.port import About, Later, Outcome, ReceiptFile

TEST: Final = "Test mode: no real money moved."
ERASED: Final = (
    "What this receipt says was erased because somebody asked for it. It still proves that it was "
    "issued and recorded, and no more what it was about."
)
SUPERSEDED: Final = (
    "Something happened to this afterwards, and another receipt tells of it. Whoever gave you this "
    "one can show it to you."
)
KEEP: Final = "Keep this file: anyone can check it without us."
_ENDS: Final[Mapping[tuple[About, Outcome], tuple[str, str]]] = {
    (About.PAYMENT, Outcome.SUCCEEDED): ("Paid", "The payment went through."),
    (About.PAYMENT, Outcome.DECLINED): ("Declined", "Nothing was charged."),
    (About.PAYMENT, Outcome.VOIDED): ("Cancelled", "Nothing was charged."),
    (About.PAYMENT, Outcome.EXPIRED): ("Expired", "Nothing was charged."),
    (About.PAYMENT, Outcome.FAILED): ("Failed", "Nothing was charged."),
    (About.REFUND, Outcome.SUCCEEDED): (
        "Refunded",
        "The money was given back. Your bank may take some days to show it.",
    ),
    (About.REFUND, Outcome.FAILED): ("Refund failed", "The money was not given back."),
    (About.REFUND, Outcome.REJECTED): ("Refund refused", "The money was not given back."),
}
_LABELS: Final = {
    "merchant": "Paid to",
    "description": "For",
    "decided": "When",
    "created": "Started",
    "method": "Method",
    "provider": "Carried out by",
}
"""The fields people read, in this order."""
_NAMES: Final = {
    "merchant": "Merchant",
    "order": "Order",
    "payment": "Payment",
    "refund": "Refund",
    "reference_digest": "Reference digest",
    "trace": "Trace",
}
"""The fields programs read, behind them."""
_METHODS: Final = {
    "card": "Card",
    "bank_account": "Bank account",
    "bank_transfer": "Bank transfer",
    "paypal": "PayPal",
    "crypto": "Crypto",
}
_MOMENTS: Final = frozenset({"decided", "created"})


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a receipt."""

    label: str
    value: str
    small: bool = False
    """For programs rather than people."""


@dataclass(frozen=True, slots=True)
class Next:
    """What happened afterwards, and the code of the receipt that says so."""

    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything a receipt says, in order."""

    title: str
    meaning: str
    good: bool
    amount: str
    asset: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    later: tuple[Next, ...]
    verdict: str
    evidence: tuple[str, ...]


def wording(found: ReceiptFile) -> Wording:
    """Return what to say about a receipt."""
    fields = {field.name: field.value for field in found.fields}
    title, meaning, good = "Receipt", "", True
    if "about" in fields and "outcome" in fields:
        outcome = Outcome(fields["outcome"])
        title, meaning = _ENDS[About(fields["about"]), outcome]
        good = outcome is Outcome.SUCCEEDED
    amount, _, asset = fields.get("amount", "").partition(" ")
    read = {name: _value(found, name, fields[name]) for name in _LABELS if name in fields}
    if read.get("created") == read.get("decided"):
        read.pop("created", None)
    rows = [Row(_LABELS[name], value) for name, value in read.items()]
    rows += [
        Row(label, fields[name], small=True)
        for name, label in _NAMES.items()
        if name in fields and fields[name] != read.get(name)
    ]
    return Wording(
        title, meaning, good, amount, asset, (*rows, Row("Receipt", found.id, small=True)),
        _notes(found), tuple(map(_next, found.later)), _verdict(found), _evidence(found),
    )  # fmt: skip


def _value(found: ReceiptFile, name: str, value: str) -> str:
    if name == "merchant" and found.merchant:
        return found.merchant
    if name == "method":
        return _METHODS.get(value, value)
    if name in _MOMENTS:
        return _moment(datetime.fromisoformat(value))
    return value


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M:%S} UTC"


def _next(later: Later) -> Next:
    at = _moment(later.decided_at)
    if (later.about, later.outcome) == (About.REFUND, Outcome.SUCCEEDED):
        return Next(f"{later.amount} of this was given back on {at}.", later.code)
    title, meaning = _ENDS[later.about, later.outcome]
    return Next(f"Afterwards, on {at}: {title}. {meaning}", later.code)


def _notes(found: ReceiptFile) -> tuple[str, ...]:
    notes: list[str] = []
    if found.mode is Mode.TEST:
        notes.append(TEST)
    if not found.fields and not found.hidden:
        notes.append(ERASED)
    if found.outdated and not found.later:
        notes.append(SUPERSEDED)
    if found.hidden:
        things = "field is" if found.hidden == 1 else "fields are"
        notes.append(f"{found.hidden} {things} signed and not shown here.")
    return tuple(notes)


def _verdict(found: ReceiptFile) -> str:
    if found.finding.valid:
        return "Checked, and valid"
    return "Not complete yet" if found.finding.signed_with == () else "Not valid"


def _evidence(found: ReceiptFile) -> tuple[str, ...]:
    finding = found.finding
    if not finding.valid:
        return (finding.why[:1].upper() + finding.why[1:].rstrip(".") + ".",)
    told = [f"Signed with {' and '.join(finding.signed_with)}."]
    if finding.index is not None:
        told.append(
            f"Recorded as entry {finding.index:,} of the log {finding.origin}, whose first "
            f"{finding.size:,} entries are signed with Ed25519 and ML-DSA-87."
        )
    if finding.witnesses:
        told.append(f"Seen by {', '.join(finding.witnesses)}.")
    elif finding.index is not None:
        told.append("No independent witness has signed this log.")
    return tuple(told)

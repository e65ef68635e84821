"""What stands in a receipt, which of it is shown, and which periods have a report. Pure."""

import base64
import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, cast

import msgspec

from bezant.receipts.outcome import Ended
from bezant.receipts.port import UnknownField
from bezant.receipts.receipt import Field, Period, Show

SALT_BYTES: Final = 18  # RFC 9901, 9.3: at least 128 bits, so that a value cannot be guessed.
SALT_CHARACTERS: Final = 24
REFERENCE: Final = b"bezant provider reference 1\n"
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
LATE: Final = timedelta(days=2)
"""So long after its end a period is summed up anew: a worker may have been down."""
PERIODS_MAX: Final = 400  # One turn makes so many reports at most; the next one goes on.
_URL: Final = bytes.maketrans(b"+/", b"-_")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def contents(ended: Ended) -> dict[str, object]:
    """Return the fields of a receipt. Each can be shown or hidden by itself."""
    amount = ended.amount
    found: dict[str, object] = {
        "about": ended.about.value,
        "amount": {"amount": amount.decimal(), "asset": amount.asset.code},
        "created": ended.created,
        "decided": ended.decided_at.isoformat(),
        "description": ended.description,
        "merchant": ended.tenant,
        "method": ended.method,
        "order": ended.order,
        "outcome": ended.outcome.value,
        "payment": ended.payment,
        "provider": ended.provider,
        "reference_digest": reference_digest(ended.provider, ended.reference),
        "refund": ended.refund,
        "trace": ended.trace,
    }
    return {name: value for name, value in found.items() if value}


def reference_digest(provider: str, reference: str) -> str:
    """Return what a receipt says of the provider's own name of a charge or refund."""
    if not reference:
        return ""
    return hashlib.sha256(REFERENCE + f"{provider}\n{reference}".encode()).hexdigest()


def salted(fields: Mapping[str, object], chance: Callable[[int], bytes]) -> tuple[str, ...]:
    """Return each field with a salt, as who is shown it gets it (RFC 9901, 4.2.1)."""
    salts = base64url(chance(SALT_BYTES * len(fields)))
    return tuple(
        base64url(_encode([salts[at : at + SALT_CHARACTERS], name, value]))
        for at, (name, value) in zip(
            range(0, len(salts), SALT_CHARACTERS), fields.items(), strict=True
        )
    )


def hashed(disclosures: Iterable[str]) -> list[str]:
    """Return what is signed in place of the fields; the order tells nothing."""
    return sorted(base64url(hashlib.sha256(one.encode()).digest()) for one in disclosures)


def shown(disclosures: Sequence[str], show: Show) -> tuple[str, ...]:
    """Return the fields that are shown."""
    if show.everything:
        return tuple(disclosures)
    named = {opened(one)[0]: one for one in disclosures}
    for name in show.fields:
        if name not in named:
            raise UnknownField(f"its fields are {', '.join(sorted(named))}", field="show")
    return tuple(one for name, one in named.items() if name in show.fields)


def opened(disclosure: str) -> tuple[str, object]:
    """Return a field's name and value."""
    padded = disclosure + "=" * (-len(disclosure) % 4)
    _, name, value = msgspec.json.decode(
        base64.urlsafe_b64decode(padded), type=tuple[str, str, object]
    )
    return name, value


def spelled(disclosures: Iterable[str]) -> tuple[Field, ...]:
    """Return fields for people: an amount is followed by its asset."""
    return tuple(Field(name, _spelled(value)) for name, value in map(opened, disclosures))


def _spelled(value: object) -> str:
    if isinstance(value, dict):
        amount = cast("dict[str, str]", value)
        return f"{amount['amount']} {amount['asset']}"
    return str(value)


def due(
    period: Period, first: date, made: Mapping[date, datetime], now: datetime
) -> Sequence[date]:
    """Return the beginnings of the periods to be summed up: those that ended, and have no report
    or one that may have missed something.
    """
    length = DAY if period is Period.DAILY else WEEK
    start = first if period is Period.DAILY else first - timedelta(days=first.weekday())
    found: list[date] = []
    while start + length <= now.date() and len(found) < PERIODS_MAX:
        at = made.get(start)
        end = datetime.combine(start + length, datetime.min.time(), now.tzinfo)
        if at is None or at < end + LATE:
            found.append(start)
        start += length
    return found


def base64url(value: bytes) -> str:
    """Return base64url without padding."""
    return b2a_base64(value, newline=False).translate(_URL).rstrip(b"=").decode()

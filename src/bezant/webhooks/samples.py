"""Sample events: what a receiver is tried out with. Each says that it is a sample. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bezant.actor import Mode
from bezant.events import Event
from bezant.ids import read, spell

SAMPLE_VERSION: Final = 1
_PREFIXES: Final[Mapping[str, str]] = {
    "dispute": "dp",
    "endpoint": "whe",
    "order": "ord",
    "payment": "pay",
    "refund": "re",
    "transfer": "tr",
}
_WITH_AMOUNT: Final = frozenset({"dispute", "order", "payment", "refund", "transfer"})
_AMOUNT: Final[Mapping[str, object]] = {"amount": "19.99", "asset": "EUR"}


def sample_of(event: str, type: str, mode: Mode, tenant: str, at: datetime) -> Event:  # noqa: A002
    """Return a sample of this type. Its subject has the event's own digits: it exists nowhere."""
    noun, _, verb = type.rpartition(".")
    subject = spell(_PREFIXES.get(noun, "smp"), read("evt", event, "id"))
    data: dict[str, object] = {"id": subject, "object": noun, "sample": True}
    if noun in _WITH_AMOUNT:
        data |= {"amount": _AMOUNT, "status": verb}
    return Event(event, type, SAMPLE_VERSION, mode, tenant, subject, at, data)

"""The body of a delivery. It is the same bytes in every attempt. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from bezant.webhooks.endpoint import PayloadKind

BODY_BYTES_MAX: Final = 20_000  # Standard Webhooks: below 20 kB; what is larger is told thin.


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its data as the text that was stored."""

    id: str
    type: str
    version: int
    mode: str
    subject: str
    occurred_at: datetime
    data: str


class _Body(msgspec.Struct):
    id: str
    type: str
    timestamp: datetime
    version: int
    mode: str
    subject: str
    payload: PayloadKind
    data: msgspec.Raw


class _Thin(msgspec.Struct):
    id: str


_encode: Final = msgspec.json.Encoder().encode


def body_of(event: Told, kind: PayloadKind) -> bytes:
    """Return what an endpoint is told of an event."""
    if kind is PayloadKind.SNAPSHOT:
        body = _body(event, kind, event.data.encode())
        if len(body) < BODY_BYTES_MAX:
            return body
    return _body(event, PayloadKind.THIN, _encode(_Thin(event.subject)))


def _body(event: Told, kind: PayloadKind, data: bytes) -> bytes:
    return _encode(
        _Body(
            event.id,
            event.type,
            event.occurred_at.astimezone(UTC),
            event.version,
            event.mode,
            event.subject,
            kind,
            msgspec.Raw(data),
        )
    )

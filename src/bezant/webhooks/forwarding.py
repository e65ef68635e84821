"""What a developer's own machine is sent: the bytes and signatures an endpoint would get."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bezant.secret import Secret
from bezant.webhooks.endpoint import PayloadKind, Scheme
from bezant.webhooks.payload import Told, body_of
from bezant.webhooks.signatures import HMAC_BYTES, SigningKey, Stamp, headers_of


class _Read(msgspec.Struct):
    id: str
    type: str
    timestamp: datetime
    version: int
    mode: str
    subject: str
    data: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Message:
    """One request to make."""

    event: str
    type: str
    headers: Mapping[str, str]
    body: bytes


class Forwarding:
    """Signs with a secret of its own."""

    def __init__(self, secret: Secret[str]) -> None:
        self._key = SigningKey(Scheme.HMAC, secret)

    @staticmethod
    def new_secret(chance: bytes) -> Secret[str]:
        """Make a secret of 32 random bytes."""
        assert len(chance) == HMAC_BYTES, len(chance)
        return SigningKey.of_chance(Scheme.HMAC, chance).text

    def message(self, event: bytes, now: datetime) -> Message:
        """Return the request for an event as the stream tells it."""
        read = msgspec.json.decode(event, type=_Read)
        told = Told(
            read.id, read.type, read.version, read.mode, read.subject, read.timestamp,
            bytes(read.data).decode(),
        )  # fmt: skip
        body = body_of(told, PayloadKind.SNAPSHOT)
        headers = headers_of(Stamp(read.id, now), body, [self._key])
        content = {"content-type": "application/json"}
        return Message(read.id, read.type, {**content, **headers}, body)

"""The `Idempotency-Key` header: the same key and request have one effect, however often sent."""

from collections.abc import Mapping
from enum import StrEnum

from bezant.errors import Invalid

KEY_CHARACTERS_MAX = 255
_VISIBLE = bytes(range(0x21, 0x7F))


class Idempotency(StrEnum):
    """What a route makes of the header."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class IdempotencyKeyMissing(Invalid):
    """Send an Idempotency-Key header, so that sending again is safe."""

    code = "idempotency_key_missing"


class IdempotencyKeyMalformed(Invalid):
    """An Idempotency-Key has 1 to 255 visible ASCII characters."""

    code = "idempotency_key_malformed"


def key_of(headers: Mapping[bytes, bytes], rule: Idempotency) -> str | None:
    """Return the key a request carries, if the route wants one."""
    if rule is Idempotency.NONE:
        return None
    value = headers.get(b"idempotency-key")
    if value is None:
        if rule is Idempotency.REQUIRED:
            raise IdempotencyKeyMissing
        return None
    if not 1 <= len(value) <= KEY_CHARACTERS_MAX or value.translate(None, _VISIBLE):
        raise IdempotencyKeyMalformed
    return value.decode("ascii")

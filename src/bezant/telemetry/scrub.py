"""Masks what must never stand in a log: card numbers, card codes, keys and passwords."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

from bezant.secret import MASK, Secret

_DEPTH_MAX = 6  # A log field is flat, or nearly; deeper values are told by their type.

# 13 to 19 digits in a row or in groups, beginning as issuers' numbers do, and not the tail of an
# id of ours.
_CARD = re.compile(r"(?<![0-9A-Za-z_])[2-689](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")
_CARD_CODE = re.compile(
    r"(?i)\b((?:cvc|cvv|cav|csc)2?|card_code|security_code)(\W{1,4})[0-9]{3,4}\b"
)
_KEY = re.compile(r"\b((?:sk|rk)_(?:test|live)_|bz[si]_|whsec_|whsk_)[A-Za-z0-9+/=_-]+")
_ADDRESS_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@")  # As in a database's address.
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
_KEY_BEGINNINGS = ("sk_", "rk_", "bzs_", "bzi_", "whsec_", "whsk_")
_SECRET_CHARACTERS_MIN = 5  # Shorter than the shortest key with one character of its own.

SECRET_FIELDS = frozenset(
    {
        "api_key",
        "authorization",
        "card_code",
        "card_number",
        "client_secret",
        "cookie",
        "cvc",
        "cvv",
        "number",
        "otp",
        "pan",
        "password",
        "passwd",
        "pin",
        "refresh_token",
        "secret",
        "token",
        "access_token",
        "id_token",
        "x-api-key",
    }
)


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit that card numbers have (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def scrub(text: str) -> str:
    """Return the text with everything masked that looks like a card's or a key's."""
    if len(text) < _SECRET_CHARACTERS_MIN:
        return text
    if text.isascii() and text.isidentifier():
        # One word, such as an id or a field's name: it can only be a key, from its beginning on.
        return _KEY.sub(_mask_key, text) if text.startswith(_KEY_BEGINNINGS) else text
    text = _CARD.sub(_mask_card, text)
    text = _CARD_CODE.sub(_mask_code, text)
    text = _KEY.sub(_mask_key, text)
    text = _ADDRESS_PASSWORD.sub(_mask_password, text)
    return _BEARER.sub(_mask_bearer, text)


def scrub_fields(fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    """Return the fields with secret names masked and every text scrubbed."""
    found: dict[str, object] = {}
    for key, value in fields.items():
        name, is_secret = _named(key)
        found[name] = MASK if is_secret else _scrub_value(value, depth)
    return found


@lru_cache(maxsize=1_024)
def _named(key: str) -> tuple[str, bool]:
    """Return a field's name as it may be told, and whether its value may not."""
    return scrub(key), key.lower() in SECRET_FIELDS


def _scrub_value(value: object, depth: int) -> object:  # noqa: PLR0911 - one line a type
    if isinstance(value, str):
        return scrub(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        shown = str(value)
        return value if len(shown) < 13 else _number(value, shown)
    if isinstance(value, Secret):
        return MASK
    if depth >= _DEPTH_MAX:
        return type(value).__name__
    if isinstance(value, Mapping):
        inner = cast("Mapping[object, object]", value)
        return scrub_fields({str(key): item for key, item in inner.items()}, depth + 1)
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, Sequence):
        return [_scrub_value(item, depth + 1) for item in cast("Sequence[object]", value)]
    return scrub(str(value))


def _number(value: int, shown: str) -> object:
    masked = scrub(shown)
    return masked if masked != shown else (value if -(2**63) <= value < 2**64 else shown)


def _mask_card(found: re.Match[str]) -> str:
    digits = found[0].replace(" ", "").replace("-", "")
    return MASK if passes_luhn(digits) else found[0]


# Functions, because a template is looked up anew for every text.
def _mask_code(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}{MASK}"


def _mask_key(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}"


def _mask_password(found: re.Match[str]) -> str:
    return f"{found[1]}:{MASK}@"


def _mask_bearer(found: re.Match[str]) -> str:
    return f"{found[1]} {MASK}"

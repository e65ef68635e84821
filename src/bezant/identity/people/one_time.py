"""One-time codes of an app (RFC 6238 with SHA-1, six digits, thirty seconds) and recovery codes.

Pure. SHA-1 is what every app can; its collisions do not matter to a keyed hash.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP_SECONDS: Final = 30
STEPS_AROUND: Final = 1  # RFC 6238, 5.2: one step for clocks that differ, no more.
DIGITS: Final = 6
SECRET_BYTES: Final = 20  # RFC 4226, 4: the length of the hash.
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10  # 80 bits: a plain hash of them cannot be guessed.
_RECOVERY_LENGTH: Final = RECOVERY_BYTES * 8 // 5
_GROUP: Final = 4


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8), "sha1")
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4]) & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: bytes, typed: str, now: datetime) -> int | None:
    """Return the step whose code this is, near enough to now. All are looked at, always."""
    middle = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(middle - STEPS_AROUND, middle + STEPS_AROUND + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed.encode()):
            found = step
    return found


def looks_like_code(typed: str) -> bool:
    """Tell whether somebody typed the code of an app."""
    return len(typed) == DIGITS and typed.isascii() and typed.isdigit()


def typed_plainly(text: str) -> str:
    """Return a code without what people type around it."""
    return "".join(one for one in text.upper() if one.isalnum())[: 2 * _RECOVERY_LENGTH]


def secret_text(secret: bytes) -> str:
    """Return a secret as apps take it."""
    return base64.b32encode(secret).decode().rstrip("=")


def address_of(secret: bytes, issuer: str, account: str) -> str:
    """Return what a QR code tells an app."""
    asked = {"secret": secret_text(secret), "issuer": issuer, "digits": DIGITS}
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    return f"otpauth://totp/{label}?{urlencode({**asked, 'period': STEP_SECONDS})}"


def new_recovery_codes(chance: Callable[[int], bytes]) -> tuple[str, ...]:
    """Make recovery codes, in groups of four so that they can be copied by hand."""
    return tuple(_recovery_code(chance(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES))


def _recovery_code(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def recovery_hash(member: bytes, code: str) -> bytes:
    """Return what is stored of somebody's recovery code."""
    return hashlib.sha256(b"recovery " + member + typed_plainly(code).encode()).digest()

"""Creditor references (RF, ISO 11649): what a payer writes into a transfer, so that it is found.

Made from our payment's id: sixteen characters that nobody mistakes for each other when typing, and
two check digits, by which most slips are noticed before the money goes astray.
"""

import hashlib
import re
from typing import Final

MODULUS: Final = 97  # ISO 7064 MOD 97-10, the same check as an IBAN's.
CHARACTERS: Final = 16
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O or U.
_BITS: Final = 5
_REFERENCE: Final = re.compile(r"RF\d{2}[A-Z0-9]{1,21}\Z", re.ASCII)
_IN_TEXT: Final = re.compile(r"RF\s?\d{2}(?:\s?[A-Z0-9]){1,21}", re.ASCII | re.IGNORECASE)


def reference_of(payment: str) -> str:
    """Return the reference of a payment: always the same one."""
    number = int.from_bytes(hashlib.sha256(payment.encode()).digest())
    body = "".join(
        _ALPHABET[number >> _BITS * place & (len(_ALPHABET) - 1)] for place in range(CHARACTERS)
    )
    check = MODULUS + 1 - _remainder(f"{body}RF00")
    return f"RF{check:02d}{body}"


def is_reference(text: str) -> bool:
    """Tell whether this is a reference whose check digits are right."""
    return _REFERENCE.match(text) is not None and _remainder(text[4:] + text[:4]) == 1


def reference_in(text: str) -> str:
    """Find a reference in what a payer wrote, whatever the spacing; empty if there is none."""
    for found in _IN_TEXT.finditer(text):
        bare = re.sub(r"\s", "", found[0]).upper()
        # What follows the reference may look like a part of it: the check digits tell.
        for end in range(len(bare), 4, -1):
            if is_reference(bare[:end]):
                return bare[:end]
    return ""


def _remainder(text: str) -> int:
    # A letter counts as two digits: A is 10, Z is 35.
    return int("".join(str(int(sign, 36)) for sign in text)) % MODULUS

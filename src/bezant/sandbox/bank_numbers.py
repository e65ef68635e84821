"""Account numbers (IBAN, ISO 13616) and creditor references (RF, ISO 11649), with their checks."""

import re
from typing import Final

MODULUS: Final = 97  # Both standards use ISO 7064 MOD 97-10.
_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}\Z")
_REFERENCE: Final = re.compile(r"RF\d{2}[A-Z0-9]{1,21}\Z")


def bare(text: str) -> str:
    """Take out the spaces that people write between groups of four."""
    return "".join(text.split()).upper()


def is_iban(text: str) -> bool:
    """Tell whether this is an account number whose check digits are right."""
    return _IBAN.match(text) is not None and _remainder(text[4:] + text[:4]) == 1


def is_reference(text: str) -> bool:
    """Tell whether this is a structured creditor reference whose check digits are right."""
    return _REFERENCE.match(text) is not None and _remainder(text[4:] + text[:4]) == 1


def iban(country: str, account: str) -> str:
    """Return the account number with its check digits."""
    return f"{country}{_check_digits(account + country)}{account}"


def reference(body: str) -> str:
    """Return the creditor reference with its check digits."""
    return f"RF{_check_digits(body + 'RF')}{body}"


def _check_digits(text: str) -> str:
    return f"{MODULUS + 1 - _remainder(text + '00'):02d}"


def _remainder(text: str) -> int:
    # A letter counts as two digits: A is 10, Z is 35.
    return int("".join(str(int(sign, 36)) for sign in text)) % MODULUS

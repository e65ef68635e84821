"""What every check stands on: the secrets of each mode, the right clock, constant time, bounds."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from bezant.actor import Mode
from bezant.psp.account import Account, Clocks
from bezant.psp.document import BYTES_MAX
from bezant.psp.port import BadWebhookSignature, MalformedWebhook, StaleWebhook
from bezant.secret import Secret

TOLERANCE_SECONDS: Final = 300.0  # What the providers themselves recommend.
HEADER_CHARACTERS_MAX: Final = 4_096
SIGNATURES_MAX: Final = 10  # Two keys during a rotation, and room for older schemes.
SECONDS_CHARACTERS_MAX: Final = 11


class Ground:
    """The accounts of one provider."""

    def __init__(self, accounts: Iterable[Account], clocks: Clocks) -> None:
        self._accounts: Final = {account.mode: account for account in accounts}
        self._clocks: Final = clocks

    def account(self, mode: Mode) -> Account:
        """Return the account of a mode; without one, nothing can be the provider's."""
        account = self._accounts.get(mode)
        if account is None:
            raise BadWebhookSignature
        return account

    def demand_fresh(self, account: Account, signed_at: datetime) -> None:
        """Refuse what was signed long ago, or in the future."""
        away = abs((self._clocks.now(account) - signed_at).total_seconds())
        if away > TOLERANCE_SECONDS:
            raise StaleWebhook

    def now(self, account: Account) -> datetime:
        """Return the time at an account's provider."""
        return self._clocks.now(account)


def header_of(headers: Mapping[str, str], name: str) -> str:
    """Return a header by its name in small letters; a missing or too long one is a forgery."""
    value = headers.get(name)
    if value is None:
        value = next((one for key, one in headers.items() if key.lower() == name), "")
    if not value or len(value) > HEADER_CHARACTERS_MAX:
        raise BadWebhookSignature
    return value


def demand_fitting(body: bytes) -> None:
    """Refuse a body that is too long to be an event."""
    if len(body) > BYTES_MAX:
        raise MalformedWebhook


def demand_signed(secrets: Sequence[Secret[str]], signed: bytes, signatures: Sequence[str]) -> None:
    """Refuse unless one of the signatures is the HMAC-SHA256 under one of the secrets.

    Every pair is compared, and each in constant time.
    """
    if not 0 < len(signatures) <= SIGNATURES_MAX:
        raise BadWebhookSignature
    good = False
    for secret in secrets:
        expected = hmac.digest(secret.reveal().encode(), signed, "sha256").hex().encode()
        for signature in signatures:
            good |= hmac.compare_digest(expected, signature.encode())
    if not good:
        raise BadWebhookSignature


def seconds_of(text: str) -> datetime:
    """Read the time a signature was made, in seconds since 1970."""
    if not (text.isascii() and text.isdecimal()) or len(text) > SECONDS_CHARACTERS_MAX:
        raise BadWebhookSignature
    return datetime.fromtimestamp(int(text), UTC)


def fields_of(header: str) -> list[tuple[str, str]]:
    """Read `t=…,v1=…`: names and values in their order."""
    pairs = (part.strip().partition("=") for part in header.split(","))
    return [(name, value) for name, _, value in pairs]


def only(fields: Sequence[tuple[str, str]], wanted: str) -> str:
    """Return the value that stands there exactly once."""
    found = [value for name, value in fields if name == wanted]
    if len(found) != 1:
        raise BadWebhookSignature
    return found[0]

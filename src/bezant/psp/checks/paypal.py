"""PayPal's signature: RSA over `id|time|webhook id|CRC-32 of the body`, by a certificate to fetch.

See https://developer.paypal.com/api/rest/webhooks/rest. The checksum is no hash: a captured header
fits any body with the same CRC-32. So the time must be fresh, and whatever an event says is fetched
again (`Capabilities.event_hint`).
"""

import asyncio
import base64
import binascii
import re
import zlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from bezant.actor import Mode
from bezant.psp.account import Account, Clocks
from bezant.psp.checks.ground import Ground, demand_fitting, header_of
from bezant.psp.port import BadWebhookSignature, ProviderUnavailable

ALGORITHM: Final = "SHA256withRSA"
KEY_BITS_MIN: Final = 2_048
CERTIFICATES_MAX: Final = 16
# Somebody who makes up addresses of certificates must not make us fetch all of them.
FETCHES_MAX: Final = 6
FETCHES_SECONDS: Final = 60.0
_ADDRESS: Final = re.compile(
    r"https://api(?:-m)?(?:\.sandbox)?\.paypal\.com/v1/notifications/certs/[A-Za-z0-9-]{1,80}\Z",
    re.ASCII,
)
_OWNER: Final = ".paypal.com"

Fetch = Callable[[Mode, str], Awaitable[bytes | None]]


class CertifiedSignature:
    """Checks PayPal's events; keeps the certificates it has seen."""

    provider: str = "paypal"

    def __init__(
        self,
        accounts: Iterable[Account],
        clocks: Clocks,
        fetch: Fetch,
        now_seconds: Callable[[], float],
    ) -> None:
        self._ground: Final = Ground(accounts, clocks)
        self._fetch: Final = fetch
        self._now_seconds: Final = now_seconds
        self._certificates: Final[OrderedDict[tuple[Mode, str], x509.Certificate]] = OrderedDict()
        self._fetched_seconds: Final[deque[float]] = deque()
        self._lock: Final = asyncio.Lock()

    async def check(self, mode: Mode, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the bytes are PayPal's, as far as a checksum can tell, and fresh."""
        demand_fitting(body)
        account = self._ground.account(mode)
        if not account.webhook_id or header_of(headers, "paypal-auth-algo") != ALGORITHM:
            raise BadWebhookSignature
        time = header_of(headers, "paypal-transmission-time")
        name = header_of(headers, "paypal-transmission-id")
        signature = _signature(header_of(headers, "paypal-transmission-sig"))
        url = header_of(headers, "paypal-cert-url")
        self._ground.demand_fresh(account, _instant(time))
        key = _key(await self._certificate(account, url), account, self._ground.now(account))
        signed = f"{name}|{time}|{account.webhook_id}|{zlib.crc32(body)}".encode()
        try:
            key.verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise BadWebhookSignature from None

    async def _certificate(self, account: Account, url: str) -> x509.Certificate:
        mine = url.startswith(account.base_url + "/") if account.emulated else _ADDRESS.match(url)
        if not mine:
            raise BadWebhookSignature
        known = self._certificates.get((account.mode, url))
        if known is not None:
            self._certificates.move_to_end((account.mode, url))
            return known
        async with self._lock:
            known = self._certificates.get((account.mode, url))
            return known or await self._take(account.mode, url)

    async def _take(self, mode: Mode, url: str) -> x509.Certificate:
        now = self._now_seconds()
        while self._fetched_seconds and self._fetched_seconds[0] <= now - FETCHES_SECONDS:
            self._fetched_seconds.popleft()
        if len(self._fetched_seconds) >= FETCHES_MAX:
            raise ProviderUnavailable(retry_after_seconds=FETCHES_SECONDS)
        self._fetched_seconds.append(now)
        raw = await self._fetch(mode, url)
        if raw is None:
            raise ProviderUnavailable
        try:
            found = x509.load_pem_x509_certificate(raw)
        except ValueError:
            raise BadWebhookSignature from None
        self._certificates[mode, url] = found
        if len(self._certificates) > CERTIFICATES_MAX:
            self._certificates.popitem(last=False)
        return found


def _key(certificate: x509.Certificate, account: Account, now: datetime) -> RSAPublicKey:
    """Return the certificate's key if it is PayPal's, valid now, and strong."""
    valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    theirs = account.emulated or any(str(one.value).endswith(_OWNER) for one in names)
    key = certificate.public_key()
    if not (valid and theirs and isinstance(key, RSAPublicKey)) or key.key_size < KEY_BITS_MIN:
        raise BadWebhookSignature
    return key


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadWebhookSignature from None


def _instant(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise BadWebhookSignature from None
    if read.tzinfo is None:
        raise BadWebhookSignature
    return read.astimezone(UTC)

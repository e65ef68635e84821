"""PayPal's webhooks: the events, and the seal on each transmission.

The seal covers only a checksum (CRC-32) of the body, as PayPal's does. Who trusts the body because
the seal is right, trusts too much; fetch the resource.
"""

import base64
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from bezant.sandbox.book import Page
from bezant.sandbox.paypal_objects import ID_LENGTH, IDS, Event
from bezant.sandbox.paypal_values import instant
from bezant.sandbox.paypal_views import View, base, link
from bezant.sandbox.schedule import Delivery

ALGORITHM: Final = "SHA256withRSA"
CERTIFICATE_PATH: Final = "/v1/notifications/certs/CERT-bezant-sandbox"
COMMON_NAME: Final = "messageverificationcerts.paypal.com"
"""What stands in PayPal's own certificate; receivers look for it."""
_KEY_NOTE: Final = "seal_key"
_CERTIFICATE_NOTE: Final = "seal_certificate"
_KEY_BITS: Final = 2_048
_VALID: Final = timedelta(days=3_650)
_HEX: Final = "0123456789abcdef"

_SUMMARIES: Final[Mapping[str, str]] = {
    "CHECKOUT.ORDER.APPROVED": "An order has been approved by buyer",
    "CHECKOUT.ORDER.COMPLETED": "Checkout Order Completed",
    "CUSTOMER.DISPUTE.CREATED": "A dispute was created",
    "CUSTOMER.DISPUTE.UPDATED": "A dispute was updated",
    "CUSTOMER.DISPUTE.RESOLVED": "A dispute was resolved",
    "PAYMENT.AUTHORIZATION.CREATED": "A payment authorization was created",
    "PAYMENT.AUTHORIZATION.VOIDED": "A payment authorization was voided",
    "PAYMENT.CAPTURE.COMPLETED": "Payment completed",
    "PAYMENT.CAPTURE.DECLINED": "Payment declined",
    "PAYMENT.CAPTURE.PENDING": "Payment pending",
    "PAYMENT.CAPTURE.REFUNDED": "A capture was refunded",
    "PAYMENT.CAPTURE.REVERSED": "A capture was reversed",
    "PAYMENT.REFUND.FAILED": "A refund failed",
}
_RESOURCES: Final = {"CHECKOUT": "checkout-order", "CUSTOMER": "dispute"}


class Transmission(msgspec.Struct, frozen=True):
    """What a receiver asks us to verify."""

    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str
    webhook_id: str
    webhook_event: msgspec.Raw


def emit(page: Page, kind: str, resource: View) -> None:
    """Keep an event and send it to whom it concerns."""
    id_ = f"WH-{page.new_id('', ID_LENGTH, IDS)}-{page.new_id('', ID_LENGTH, IDS)}"
    at = f"{base(page)}/v1/notifications/webhooks-events/{id_}"
    family, what, _ = kind.split(".")
    refunded = kind in {"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED"}
    body = msgspec.json.encode(
        {
            "id": id_,
            "event_version": "1.0",
            "create_time": instant(page.now),
            "resource_type": _RESOURCES.get(family, "refund" if refunded else what.lower()),
            "resource_version": "2.0",
            "event_type": kind,
            "summary": _SUMMARIES[kind],
            "resource": resource,
            "links": [link(at, "self"), link(f"{at}/resend", "resend", "POST")],
        }
    )
    page.put(Event(id=id_, body=body.decode()))
    page.emit(id_, kind, body)


def make_seal(page: Page) -> None:
    """Make the certificate that seals our webhooks, unless there is one."""
    if page.note(_KEY_NOTE) is not None:
        return
    # RSA draws its primes itself; nothing that happens later depends on which they are.
    key = rsa.generate_private_key(65_537, _KEY_BITS)
    page.write_note(_KEY_NOTE, _pem(key))
    page.write_note(_CERTIFICATE_NOTE, _certificate(key, page.now))


def certificate(page: Page) -> str:
    """Return the certificate as a receiver downloads it."""
    return page.note(_CERTIFICATE_NOTE) or ""


def sealed(page: Page, delivery: Delivery) -> Mapping[str, str]:
    """Return the headers of a transmission."""
    drawn = page.new_id("", 32, _HEX)
    transmission = "-".join((drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:]))
    sent_at = instant(page.now)
    told = _told(transmission, sent_at, delivery.endpoint.id, delivery.body)
    proof = _key(page).sign(told, padding.PKCS1v15(), hashes.SHA256())
    if delivery.forged:
        proof = page.chance(_KEY_BITS // 8)
    return {
        "content-type": "application/json",
        "paypal-auth-algo": ALGORITHM,
        "paypal-auth-version": "v2",
        "paypal-cert-url": base(page) + CERTIFICATE_PATH,
        "paypal-transmission-id": transmission,
        "paypal-transmission-sig": base64.b64encode(proof).decode(),
        "paypal-transmission-time": sent_at,
    }


def is_ours(page: Page, sent: Transmission) -> bool:
    """Tell whether we sealed a transmission to one of our endpoints."""
    known = any(one.id == sent.webhook_id for one in page.endpoints())
    if not known or sent.auth_algo != ALGORITHM:
        return False
    told = _told(
        sent.transmission_id, sent.transmission_time, sent.webhook_id, bytes(sent.webhook_event)
    )
    try:
        proof = base64.b64decode(sent.transmission_sig, validate=True)
        _key(page).public_key().verify(proof, told, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def _told(transmission: str, sent_at: str, webhook: str, body: bytes) -> bytes:
    return f"{transmission}|{sent_at}|{webhook}|{zlib.crc32(body)}".encode()


def _key(page: Page) -> rsa.RSAPrivateKey:
    return _read(page.note(_KEY_NOTE) or "")


@lru_cache(maxsize=4)  # Reading a key checks it, which takes longer than signing with it.
def _read(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey), "we made it"
    return key


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _certificate(key: rsa.RSAPrivateKey, now: datetime) -> str:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bezant sandbox, not PayPal"),
            x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME),
        ]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()

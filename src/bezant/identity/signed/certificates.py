"""Certificates of our authority, built here and signed in the key room. Pure but for chance.

The library builds a certificate only together with a key it can touch, and ours never leaves its
room. So a key of the same kind signs first, its signature is thrown away, and what was signed is
signed again by the authority. The three parts of a certificate and of a revocation list are put
together in the same way (RFC 5280, 4.1 and 5.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bezant.identity.signer import (
    CERTIFICATE_DAYS,
    MalformedRequestForCertificate,
    MalformedSigner,
    SigningAlgorithm,
)

TEXT_CHARACTERS_MAX: Final = 8_192
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 8_192  # A longer one keeps us busy with every request that names it.
AUTHORITY_LIFE: Final = timedelta(days=3_650)
LIST_LASTS: Final = timedelta(days=1)
SKEW: Final = timedelta(minutes=5)
NAME_CHARACTERS_MAX: Final = 64  # RFC 5280, appendix A: of a common name.
_ECDSA_WITH_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_HALF: Final = 32
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class CertificateRefused(Exception):
    """A certificate that opens nothing here; nobody is told why."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is read from a certificate that our authority vouches for."""

    serial: int
    public_key: bytes


def public_key_of(text: str) -> tuple[bytes, SigningAlgorithm]:
    """Return a partner's public key, and the one algorithm that is used with it."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise MalformedSigner(field="public_key")
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedSigner(field="public_key") from None
    match key:
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return _spki(key), SigningAlgorithm.ECDSA_P256
        case ed25519.Ed25519PublicKey():
            return _spki(key), SigningAlgorithm.ED25519
        case rsa.RSAPublicKey() if RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            return _spki(key), SigningAlgorithm.RSA_PSS
        case _:
            raise MalformedSigner(
                f"a key is P-256, Ed25519, or RSA of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits",
                field="public_key",
            )


def requested(text: str, public_key: bytes) -> None:
    """Refuse a request for a certificate that was not made with this very key."""
    try:
        request = x509.load_pem_x509_csr(text[: TEXT_CHARACTERS_MAX + 1].encode())
        fits = len(text) <= TEXT_CHARACTERS_MAX and request.is_signature_valid
        known = _spki(request.public_key()) == public_key
    except (ValueError, UnsupportedAlgorithm, TypeError):
        raise MalformedRequestForCertificate(field="request") from None
    if not fits or not known:
        raise MalformedRequestForCertificate(field="request")
    if isinstance(request.public_key(), ed25519.Ed25519PublicKey):
        raise MalformedRequestForCertificate(
            "TLS in wide use takes no Ed25519 certificates; sign requests, or use P-256 or RSA",
            field="request",
        )


def authority_body(public_key: bytes, kid: str, now: datetime) -> bytes:
    """Return what the authority signs about itself."""
    key = _loaded(public_key)
    built = (
        _builder(_name(kid), key, now, now + AUTHORITY_LIFE)
        .issuer_name(_name(kid))
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(of_authority=True), critical=True)
    )
    return _body(built)


def partner_body(
    authority: x509.Certificate, signer: str, public_key: bytes, serial: int, now: datetime
) -> bytes:
    """Return what the authority signs about a partner."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer)])
    until = min(now + timedelta(days=CERTIFICATE_DAYS), authority.not_valid_after_utc)
    uri = x509.UniformResourceIdentifier(f"urn:bezant:signer:{signer}")
    issuer = authority.public_key()
    assert isinstance(issuer, ec.EllipticCurvePublicKey)
    built = (
        _builder(name, _loaded(public_key), now, until)
        .issuer_name(authority.subject)
        .serial_number(serial)
        .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(of_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )
    return _body(built)


def list_body(
    authority: x509.Certificate, revoked: Sequence[tuple[int, datetime]], now: datetime
) -> bytes:
    """Return the revocation list that the authority signs."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(now + LIST_LASTS)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for serial, at in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).tbs_certlist_bytes


def assembled(body: bytes, signature: bytes) -> bytes:
    """Put a certificate or list together: what was signed, how, and the signature (DER)."""
    halves = (int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:]))
    bits = b"\0" + encode_dss_signature(*halves)
    return _tagged(0x30, body + _ECDSA_WITH_SHA256 + _tagged(0x03, bits))


def vouched_for(
    certificate: bytes, authorities: Sequence[x509.Certificate], now: datetime
) -> Shown:
    """Return what a certificate says if one of our authorities vouches for it as a client."""
    try:
        leaf = x509.load_der_x509_certificate(certificate)
        policy = verification.PolicyBuilder().store(verification.Store(list(authorities)))
        policy.time(now).max_chain_depth(0).build_client_verifier().verify(leaf, [])
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, verification.VerificationError):
        raise CertificateRefused from None
    return Shown(leaf.serial_number, _spki(leaf.public_key()))


def text_of(certificate: x509.Certificate) -> str:
    """Write a certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _builder(
    subject: x509.Name, key: PublicKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    # Two machines' clocks differ a little: a certificate is good a moment before it was made.
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .not_valid_before(since - SKEW)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _body(builder: x509.CertificateBuilder) -> bytes:
    thrown_away = ec.generate_private_key(ec.SECP256R1())
    return builder.sign(thrown_away, hashes.SHA256()).tbs_certificate_bytes


def _usage(*, of_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=of_authority,
        crl_sign=of_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(kid: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bezant partner authority"),
            x509.NameAttribute(NameOID.COMMON_NAME, kid[-NAME_CHARACTERS_MAX:]),
        ]
    )


def _loaded(public_key: bytes) -> PublicKey:
    key = serialization.load_der_public_key(public_key)
    assert isinstance(key, PublicKey)
    return key


def _spki(key: object) -> bytes:
    assert isinstance(key, PublicKey)
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _tagged(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < 0x80:
        return bytes([tag, length]) + value
    written = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(written)]) + written + value

"""Partners who sign: the key they sign with, the certificates they were given, and their requests.

A *signer* is a partner's program with a key of its own, whose private half we never see. It may
sign each request (RFC 9421), or come with a certificate of our authority for the same key.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bezant.actor import Actor, Mode
from bezant.errors import Conflict, Invalid, NotFound, Refused
from bezant.identity.api_key import Identified
from bezant.identity.member import OfTenant, Role

SIGNERS_MAX = 100  # Of a merchant in one mode; more than that nobody oversees.
CERTIFICATE_DAYS = 30
REVOKED_MAX = 10_000


class UnknownSigner(NotFound):
    """There is no such signer."""

    code = "unknown_signer"


class MalformedSigner(Invalid):
    """This is not a public key of a kind that is taken here."""

    code = "malformed_signer"


class MalformedRequestForCertificate(Invalid):
    """This is not a request for a certificate, or it was made with another key."""

    code = "malformed_certificate_request"


class SignerEnded(Conflict):
    """This signer was revoked or has ended."""

    code = "signer_ended"


class TooManySigners(Refused):
    """Revoke signers that nobody uses before making more."""

    code = "too_many_signers"


class SigningAlgorithm(StrEnum):
    """How a partner signs, in the words of RFC 9421, 3.3."""

    ECDSA_P256 = "ecdsa-p256-sha256"
    ED25519 = "ed25519"
    RSA_PSS = "rsa-pss-sha512"


@dataclass(frozen=True, slots=True)
class CreateSigner:
    """Register a partner's public key, in the mode of whoever asks."""

    id: str
    by: Actor
    tenant: str
    role: Role
    public_key: str
    """In PEM."""
    name: str = ""
    expires_at: datetime | None = None
    key: str = ""
    """The idempotency key: the same key and command make one signer."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A signer as it stands."""

    id: str
    tenant: str
    mode: Mode
    role: Role
    name: str
    algorithm: SigningAlgorithm
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignerPage:
    """Some signers, newest first."""

    signers: tuple[Signer, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class RevokeSigner:
    """End a signer and every certificate of it now."""

    by: Actor
    tenant: str
    signer: str


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Give a signer a certificate for its own key."""

    by: Actor
    tenant: str
    signer: str
    request: str
    """PKCS #10 in PEM: whoever asks has the private key."""


@dataclass(frozen=True, slots=True)
class PartnerCertificate:
    """A certificate as it was issued."""

    signer: str
    serial: str
    certificate: str
    authority: str
    """In PEM, both."""
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RevokeCertificate:
    """End one certificate now; its signer goes on with others."""

    by: Actor
    tenant: str
    signer: str
    serial: str


@dataclass(frozen=True, slots=True)
class CertificateRevoked:
    """A certificate that counts no longer."""

    signer: str
    serial: str
    revoked_at: datetime


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request's signature, taken apart at the edge."""

    key: str
    algorithm: str
    created: int
    expires: int | None
    nonce: str
    base: bytes
    signature: bytes
    origin: str


class Signers(Protocol):
    """Partners who sign their requests."""

    async def create_signer(self, command: CreateSigner) -> Signer:
        """Register a partner's key once."""
        ...

    async def revoke_signer(self, command: RevokeSigner) -> Signer:
        """End a signer now; ending it again changes nothing."""
        ...

    async def signer(self, by: Actor, tenant: str, signer: str) -> Signer:
        """Return one signer."""
        ...

    async def signers(self, query: OfTenant) -> SignerPage:
        """Return a page of signers of one's mode, newest first."""
        ...

    async def issue_certificate(self, command: IssueCertificate) -> PartnerCertificate:
        """Give a signer a certificate of our authority."""
        ...

    async def revoke_certificate(self, command: RevokeCertificate) -> CertificateRevoked:
        """End one certificate now; ending it again changes nothing."""
        ...

    async def partner_authority(self) -> tuple[str, ...]:
        """Return the authority's certificates in PEM, the one that issues now before all others."""
        ...

    async def revoked_partners(self) -> bytes:
        """Return the list of revoked certificates, signed by the authority (RFC 5280, 5)."""
        ...

    async def identify_signed(self, request: SignedRequest) -> Identified:
        """Return whose a signature is, or raise `UnknownCredential`; it counts once."""
        ...

    async def identify_certificate(self, certificate: bytes) -> Identified:
        """Return whose a certificate is, or raise `UnknownCredential`."""
        ...

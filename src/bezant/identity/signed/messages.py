"""What is sent and answered about partners who sign."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from bezant.actor import Mode
from bezant.identity.member import Role
from bezant.identity.messages import Answer, Request
from bezant.identity.signed.certificates import TEXT_CHARACTERS_MAX
from bezant.identity.signer import SigningAlgorithm


class SignerBody(Request):
    """A partner's public key."""

    public_key: str = Field(max_length=TEXT_CHARACTERS_MAX)
    role: Role
    name: str = Field(default="", max_length=200)
    expires_at: AwareDatetime | None = None


class CertificateBody(Request):
    """A request for a certificate, PKCS #10 in PEM."""

    request: str = Field(max_length=TEXT_CHARACTERS_MAX)


class SignerAnswer(Answer):
    """A partner's key as it stands."""

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
    last_used_at: datetime | None


class CertificateAnswer(Answer):
    """A certificate of our authority."""

    signer: str
    serial: str
    certificate: str
    authority: str
    issued_at: datetime
    expires_at: datetime


class EndedAnswer(Answer):
    """A certificate that counts no longer."""

    signer: str
    serial: str
    revoked_at: datetime

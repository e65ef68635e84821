"""Tokens and what is told about them: what clients and devices get, and what those are worth."""

from dataclasses import dataclass
from datetime import datetime

from bezant.secret import Secret


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request that waits for its browser."""

    request_uri: Secret[str]
    expires_in: int


@dataclass(frozen=True, slots=True)
class DeviceStarted:
    """What a device shows, and what it keeps."""

    device_code: Secret[str]
    user_code: str
    address: str
    expires_in: int
    interval: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets for its grant."""

    access_token: Secret[str]
    token_type: str
    expires_in: int
    scope: str
    refresh_token: Secret[str]
    id_token: Secret[str]


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a token is worth; of one that is worth nothing, nothing is told."""

    active: bool
    scope: str = ""
    client: str = ""
    subject: str = ""
    issuer: str = ""
    audience: str = ""
    token_type: str = ""
    bound_to: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownToken:
    """An access token shown at the issuer itself."""

    realm: str
    token: Secret[str]
    proof: Secret[str] = Secret("")  # noqa: RUF009 - it cannot change
    certificate: bytes = b""
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client learns about a person, as far as they allowed it."""

    subject: str
    name: str = ""
    username: str = ""
    email: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key that verifies tokens, as a JWK Set has it (RFC 7517)."""

    kid: str
    x: str
    y: str

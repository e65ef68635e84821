"""API keys, and whose a credential is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bezant.actor import Actor, Mode
from bezant.errors import Invalid, NotFound, Refused, Unauthenticated
from bezant.identity.member import Role
from bezant.secret import Secret


class KeyKind(StrEnum):
    """How a key is meant to be used, told by its first letters."""

    PUBLISHABLE = "pk"
    """May stand in a page; can do no more than a checkout needs."""
    SECRET = "sk"  # noqa: S105 - the prefix, not a secret
    """All its role may do through the API."""
    RESTRICTED = "rk"
    """Named resources only."""


class Access(StrEnum):
    """What a restricted key may do with a resource."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


class CredentialForm(StrEnum):
    """What kind of credential somebody shows."""

    API_KEY = "api_key"
    SESSION = "session"
    ANY = "any"
    """Whichever it is by its own first letters, as in `Authorization: Bearer`."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of a restricted key."""

    resource: str
    access: Access


@dataclass(frozen=True, slots=True)
class CreateApiKey:
    """Make a key in the mode of whoever asks."""

    id: str
    by: Actor
    tenant: str
    kind: KeyKind
    role: Role
    name: str = ""
    grants: tuple[Grant, ...] = ()
    """For restricted keys: what is not named is not allowed."""
    expires_at: datetime | None = None
    custom_role: str = ""
    """What narrows the role, if anything does."""


@dataclass(frozen=True, slots=True)
class RotateApiKey:
    """Make a successor; the old key ends when the overlap is over."""

    id: str
    """Of the new key."""
    by: Actor
    tenant: str
    key: str
    overlap_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class RevokeApiKey:
    """End a key now."""

    by: Actor
    tenant: str
    key: str


@dataclass(frozen=True, slots=True)
class RevokeApiKeys:
    """End every key of a tenant and mode that fits; what is left out fits all."""

    by: Actor
    tenant: str
    kind: KeyKind | None = None
    role: Role | None = None
    resource: str = ""
    """Keys that may do something with it, by their role and what restricts them."""
    access: Access | None = None
    """What they may do there; left out, either."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret."""

    id: str
    tenant: str
    mode: Mode
    kind: KeyKind
    role: Role
    name: str
    shown: str
    """How people recognise it: `sk_live_…x7Qp`."""
    grants: tuple[Grant, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    maker_left: bool = False
    """Whoever made it is no member any more, and may have kept a copy: time to rotate it."""
    custom_role: str = ""


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key and its secret, which is told this once."""

    key: ApiKey
    secret: Secret[str]


@dataclass(frozen=True, slots=True)
class ApiKeyPage:
    """A page of keys."""

    keys: tuple[ApiKey, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask whose a credential is."""

    form: CredentialForm
    secret: Secret[str]


@dataclass(frozen=True, slots=True)
class Identified:
    """Whose a credential is, and what a memory of it must know."""

    actor: Actor
    holder: str
    """The id of the key or session."""
    is_key: bool
    expires_at: datetime | None
    generation: int
    """The number of the last time rights were taken from keys, as of this answer; of a token, the
    number of the last recheck.
    """
    is_token: bool = False
    bound_to: str = ""
    """Of a token: the key or certificate without which it is worth nothing."""


@dataclass(frozen=True, slots=True)
class ApiKeyUse:
    """When a key, or a signer, was used last."""

    key: str
    used_at: datetime


class UnknownApiKey(NotFound):
    """There is no such API key."""

    code = "unknown_api_key"


class UnknownCredential(Unauthenticated):
    """The credential is not accepted."""

    # Forged, mistyped, revoked, expired or of a suspended merchant: always this one sentence.
    code = "unknown_credential"


class TooManyKeys(Refused):
    """Revoke keys that are no longer used before making more."""

    code = "too_many_keys"


class KeyEnded(Refused):
    """This key was revoked or has expired."""

    code = "key_ended"


class MalformedApiKey(Invalid):
    """A key's role, grants and expiry do not fit together."""

    code = "malformed_api_key"

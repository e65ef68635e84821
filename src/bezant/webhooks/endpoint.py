"""Endpoints: where events are sent, which ones, and how the receiver knows that they are ours."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.errors import Conflict, Invalid, NotFound, Refused
from bezant.secret import Secret

URL_CHARACTERS_MAX = 2_000
DESCRIPTION_CHARACTERS_MAX = 500
FILTERS_MAX = 100  # More than there are types of events.
ENDPOINTS_MAX = 50  # A merchant's, in one mode; each of them gets a delivery for every event.
OVERLAP_SECONDS_MAX = 30 * 86_400
SECRETS_MAX = 10  # That sign at once; each of them makes the header of every delivery longer.
OVERLAP_SECONDS_DEFAULT = 86_400


class PayloadKind(StrEnum):
    """How much an endpoint is told."""

    SNAPSHOT = "snapshot"
    """The event with its data, as it was when it happened."""
    THIN = "thin"
    """Only what happened to which id: the receiver asks for the rest."""


class Scheme(StrEnum):
    """How a delivery is signed, as Standard Webhooks names it."""

    HMAC = "v1"
    """HMAC-SHA256 with a secret that both sides know."""
    ED25519 = "v1a"
    """A signature that whoever has the public key can check and nobody else can make."""


class EndpointState(StrEnum):
    """Whether anything is sent."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class DisabledBecause(StrEnum):
    """Why nothing is sent."""

    OWNER = "owner"
    """Its owner said so."""
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """For days every attempt failed."""


@dataclass(frozen=True, slots=True)
class EndpointSecret:
    """One secret of an endpoint, without the secret itself."""

    scheme: Scheme
    public_key: str | None
    """`whpk_…`, for `v1a`."""
    created_at: datetime
    expires_at: datetime | None
    """When it stops signing, once it was rotated."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a merchant, and what it wants to hear."""

    id: str
    """`whe_…`."""
    tenant: str
    mode: Mode
    url: str
    description: str
    events: tuple[str, ...]
    """Filters: `*`, `payment.*` or `payment.captured`."""
    payload: PayloadKind
    state: EndpointState
    disabled_because: DisabledBecause | None
    disabled_at: datetime | None
    failing_since: datetime | None
    """Since when every attempt failed; absent while it answers."""
    paused_until: datetime | None
    """Until when it asked us to wait."""
    created_at: datetime
    created_by: str
    secrets: tuple[EndpointSecret, ...]


@dataclass(frozen=True, slots=True)
class NewSecret:
    """An endpoint with a secret that is told this once."""

    endpoint: Endpoint
    secret: Secret[str] | None
    """`whsec_…`; absent for `v1a`, whose public half is enough for the receiver."""


@dataclass(frozen=True, slots=True)
class EndpointPage:
    """A page of endpoints."""

    endpoints: tuple[Endpoint, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class CreateEndpoint:
    """Send events to an address from now on."""

    id: str
    tenant: str
    mode: Mode
    by: str
    url: str
    events: tuple[str, ...]
    description: str = ""
    payload: PayloadKind = PayloadKind.SNAPSHOT
    signatures: tuple[Scheme, ...] = ()
    """None named means `v1` alone."""


@dataclass(frozen=True, slots=True)
class ChangeEndpoint:
    """Change what is named; the rest stays as it is."""

    tenant: str
    mode: Mode
    endpoint: str
    by: str
    url: str | None = None
    events: tuple[str, ...] = ()
    """None named leaves them: an endpoint has at least one."""
    description: str | None = None
    payload: PayloadKind | None = None
    state: EndpointState | None = None
    """Enabled again, what still waits goes out."""


@dataclass(frozen=True, slots=True)
class DeleteEndpoint:
    """Send nothing there any more; what still waits is given up."""

    tenant: str
    mode: Mode
    endpoint: str
    by: str


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Make a new secret; until the overlap ends, deliveries carry both signatures."""

    id: str
    """Of the new secret, `whs_…`: asked twice, it is made once."""
    tenant: str
    mode: Mode
    endpoint: str
    by: str
    scheme: Scheme = Scheme.HMAC
    overlap_seconds: int = OVERLAP_SECONDS_DEFAULT


@dataclass(frozen=True, slots=True)
class EndpointsOf:
    """Ask for a page of endpoints, newest first."""

    tenant: str
    mode: Mode
    limit: int = 20
    after: str | None = None


class UnknownEndpoint(NotFound):
    """There is no such webhook endpoint."""

    code = "unknown_webhook_endpoint"


class TooManySecrets(Refused):
    """Too many secrets of this endpoint sign at once; end the old ones with an overlap of 0."""

    code = "too_many_webhook_secrets"


class TooManyEndpoints(Refused):
    """Delete endpoints that are no longer used before adding more."""

    code = "too_many_webhook_endpoints"


class SecretToldBefore(Conflict):
    """This was made before, and its secret was told then; rotate it to get a new one."""

    code = "webhook_secret_told_before"


class EndpointDisabled(Refused):
    """Nothing is sent to this endpoint; enable it first."""

    code = "webhook_endpoint_disabled"


class MalformedEndpoint(Invalid):
    """An endpoint cannot be like this."""

    code = "malformed_webhook_endpoint"


class ForbiddenAddress(Invalid):
    """We do not send to this address."""

    code = "forbidden_webhook_address"

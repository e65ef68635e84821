"""The OpenID provider's door: what clients, browsers and operators ask, and what they are told.

A *realm* is an issuer of its own with its own people and clients. A *client* is a program that asks
for tokens; what somebody lets it do is a *delegation*, the family of all its tokens. An
*interaction* is somebody's way through our login pages, bound to one browser.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from bezant.actor import Actor, Mode
from bezant.identity.issued import (
    DeviceStarted,
    Profile,
    Pushed,
    ShownToken,
    SigningKey,
    TokenFacts,
    Tokens,
)
from bezant.identity.member import Role
from bezant.secret import Secret

ROOT_REALM: Final = "bezant"
"""The realm of the platform's own people; its addresses have no realm in them."""
PARAMETERS_MAX: Final = 30


class ClientMethod(StrEnum):
    """How a client proves who it is."""

    NONE = "none"
    """A public client: a page or an app, which can keep no secret."""
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS = "tls_client_auth"
    SELF_SIGNED_TLS = "self_signed_tls_client_auth"


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's request as it came."""

    realm: str
    parameters: tuple[tuple[str, str], ...]
    proof: Secret[str] = Secret("")  # noqa: RUF009 - it cannot change
    """The header `DPoP`."""
    certificate: bytes = b""
    """The client's certificate as the connection, or a trusted proxy, showed it."""


@dataclass(frozen=True, slots=True)
class Browser:
    """A person's browser: what it carries, and where it is."""

    name: Secret[str]
    """Tells one browser from another; empty until it was given one."""
    session: Secret[str]
    address: str = ""
    agent: str = ""


class Stage(StrEnum):
    """What happens next on somebody's way through the login pages."""

    ELSEWHERE = "elsewhere"
    """The browser is sent on."""
    PASSWORD = "password"  # noqa: S105 - a page, not a secret
    FACTOR = "factor"
    """The password was right; a code or a passkey is needed as well."""
    CONSENT = "consent"
    DEVICE = "device"
    """A device is about to be let in."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class OutsideDoor:
    """Another issuer at which somebody may sign in."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Where somebody is on their way, and what to show or where to send them."""

    stage: Stage
    address: str = ""
    """Where the browser is sent."""
    interaction: Secret[str] = Secret("")  # noqa: RUF009
    browser: Secret[str] = Secret("")  # noqa: RUF009
    """A new name for the browser to keep, if it had none."""
    session: Secret[str] = Secret("")  # noqa: RUF009
    """A new session for the browser to keep, if one began."""
    client: str = ""
    realm: str = ""
    scopes: tuple[str, ...] = ()
    person: str = ""
    hint: str = ""
    origin: str = ""
    """Where the browser goes at the end; its page may send forms that far."""
    code: str = ""
    """Of a device."""
    doors: tuple[OutsideDoor, ...] = ()
    """Where else somebody may sign in."""


@dataclass(frozen=True, slots=True)
class BeginOutside:
    """Go and sign in at another issuer."""

    interaction: Secret[str]
    browser: Browser
    issuer: str


@dataclass(frozen=True, slots=True)
class FinishOutside:
    """Come back from there."""

    interaction: Secret[str]
    browser: Browser
    issuer: str
    code: Secret[str]
    said_issuer: str = ""
    """Whose answer it says it is (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class AtInteraction:
    """Somebody opens a page of their way."""

    interaction: Secret[str]
    browser: Browser


@dataclass(frozen=True, slots=True)
class SignIn:
    """Show a name and a password on that way."""

    interaction: Secret[str]
    browser: Browser
    name: str
    password: Secret[str]


@dataclass(frozen=True, slots=True)
class SignInByPasskey:
    """Show a passkey on that way: what the browser answered, as JSON."""

    interaction: Secret[str]
    browser: Browser
    answer: Secret[str]


@dataclass(frozen=True, slots=True)
class ProveMore:
    """Show a code or a passkey after the password."""

    interaction: Secret[str]
    browser: Browser
    proof: Secret[str]


@dataclass(frozen=True, slots=True)
class Decide:
    """Say yes or no to what a client or a device asks for."""

    interaction: Secret[str]
    browser: Browser
    allowed: bool


@dataclass(frozen=True, slots=True)
class EnterDeviceCode:
    """Type the code that a device shows."""

    realm: str
    code: str
    browser: Browser


@dataclass(frozen=True, slots=True)
class ShownProof:
    """A proof that whoever shows a bound token holds its key (RFC 9449, section 7)."""

    proof: Secret[str]
    token: Secret[str]
    thumbprint: str
    method: str
    address: str


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Where to go after signing out; nowhere when nobody may be sent anywhere."""

    address: str = ""
    asks: bool = False
    """Nobody proved that the person wants this: they are asked first."""


@dataclass(frozen=True, slots=True)
class SignOut:
    """Leave: in the browser, and everything that began in this session."""

    asked: Asked
    browser: Browser
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Rechecks:
    """Which delegations lost or changed rights since a number; perhaps too many to name."""

    number: int
    delegations: tuple[str, ...]
    everybody: bool


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client as it is registered."""

    client_id: str
    name: str
    method: ClientMethod = ClientMethod.NONE
    grant_types: tuple[str, ...] = ()
    """Left out, a page's: a code, and refresh tokens."""
    redirect_uris: tuple[str, ...] = ()
    logout_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    """What it may ask for, beside what it gets anyway."""
    default_scopes: tuple[str, ...] = ()
    """What it gets anyway; left out, to know who somebody is."""
    jwks: str = ""
    certificates: tuple[str, ...] = ()
    """SHA-256 of its certificates in base64url, or names in certificates of an authority."""
    role: Role | None = None
    """What a program may do at the realm's merchant."""
    mode: Mode | None = None
    asks_consent: bool = True
    binds_tokens: bool = False
    must_push: bool = False
    active: bool = True
    """One that is off is not made; if it was there, it works no longer."""
    returns: bool = False
    """One that was ended works again, without any token of before; else it stays ended."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who can sign in from the start."""

    username: str
    email: str
    name: str
    password: Secret[str]
    """What they sign in with; or, as it is stored elsewhere, its bcrypt hash."""
    role: Role = Role.CUSTOMER


@dataclass(frozen=True, slots=True)
class ImportRealm:
    """Make a realm as a file describes it; what is there already keeps its people's passwords."""

    by: Actor
    name: str
    title: str
    merchant: str
    clients: tuple[NewClient, ...] = ()
    people: tuple[NewPerson, ...] = ()


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm as it stands."""

    name: str
    title: str
    merchant: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it stands; nothing secret is known of it."""

    client_id: str
    realm: str
    name: str
    method: ClientMethod
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    active: bool


class OpenIdProvider(Protocol):
    """Lets people sign in to clients, and gives clients tokens."""

    async def signing_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys that verify our tokens, and those that soon will."""
        ...

    async def realm(self, name: str) -> Realm:
        """Return a realm."""
        ...

    async def push(self, asked: Asked) -> Pushed:
        """Keep a client's authorization request until its browser comes."""
        ...

    async def authorize(self, asked: Asked, browser: Browser) -> Turn:
        """Begin somebody's way to a client, or end it at once if nothing is left to ask."""
        ...

    async def interaction(self, query: AtInteraction) -> Turn:
        """Return where somebody is on their way."""
        ...

    async def sign_in(self, command: SignIn) -> Turn:
        """Take a name and a password, and go on."""
        ...

    async def sign_in_by_passkey(self, command: SignInByPasskey) -> Turn:
        """Take a passkey instead of a name and a password, and go on."""
        ...

    async def prove_more(self, command: ProveMore) -> Turn:
        """Take what is asked beside a password, and go on."""
        ...

    async def begin_outside(self, command: BeginOutside) -> Turn:
        """Send somebody to another issuer to sign in there."""
        ...

    async def finish_outside(self, command: FinishOutside) -> Turn:
        """Take somebody back who signed in at another issuer, and go on."""
        ...

    async def decide(self, command: Decide) -> Turn:
        """Take a yes or a no, and go on."""
        ...

    async def begin_device(self, asked: Asked) -> DeviceStarted:
        """Let a device without a browser wait for its person."""
        ...

    async def enter_device_code(self, command: EnterDeviceCode) -> Turn:
        """Begin the way of a device's person."""
        ...

    async def tokens(self, asked: Asked) -> Tokens:
        """Give tokens for a grant, once."""
        ...

    async def introspect(self, asked: Asked) -> TokenFacts:
        """Tell a client that proved who it is what a token is worth."""
        ...

    async def revoke(self, asked: Asked) -> None:
        """End a token and all of its family."""
        ...

    async def profile(self, shown: ShownToken) -> Profile:
        """Tell about the person behind an access token."""
        ...

    async def sign_out(self, command: SignOut) -> SignedOut:
        """End the browser's session and what began in it."""
        ...

    async def import_realm(self, command: ImportRealm) -> Realm:
        """Make or renew a realm, its clients and its first people."""
        ...

    async def realms(self, by: Actor) -> tuple[Realm, ...]:
        """Return every realm."""
        ...

    async def clients(self, by: Actor, realm: str) -> tuple[Client, ...]:
        """Return the clients of a realm."""
        ...

    async def signed_in(self, browser: Browser) -> Actor:
        """Return who is signed in in this browser, or raise `LoginRequired`."""
        ...

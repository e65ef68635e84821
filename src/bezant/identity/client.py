"""OpenID clients as a merchant keeps them: registered, given other keys, and ended by its people.

A client belongs to the merchant of its realm. It shares no secret with us: a page proves nothing,
every other client signs with a key of which we have the public half only.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from bezant.actor import Actor, Mode
from bezant.errors import Conflict, Invalid, NotFound, Refused
from bezant.identity.member import OfTenant, Role

CLIENTS_IN_HAND_MAX: Final = 100  # Of a merchant in one mode; more than that nobody oversees.
CLIENTS_EVER_MAX: Final = 1_000
"""With those that were ended: they stay, since what they did is told by their ids. It is one more
each week for twenty years, and not what somebody with a loop could make of it."""
ADDRESSES_MAX: Final = 20
SCOPES_MAX: Final = 100
KEYS_OF_CLIENT_MAX: Final = 4  # One that signs, one that soon will, and room for a mistake.
KEY_CHARACTERS_MAX: Final = 8_192


class UnknownClient(NotFound):
    """There is no such client."""

    code = "unknown_client"


class MalformedClient(Invalid):
    """The parts of this client contradict each other, or one is missing."""

    code = "malformed_client"


class MalformedClientKey(Invalid):
    """This is not a public key of a kind that is taken here."""

    code = "malformed_client_key"


class ClientEnded(Conflict):
    """This client was ended; register another."""

    code = "client_ended"


class OwnClient(Conflict):
    """This client is the platform's own, which it could not do without."""

    code = "own_client"


class KeylessClient(Conflict):
    """This client proves who it is without a key of its own, so there is none to replace."""

    code = "keyless_client"


class TooManyClients(Refused):
    """End clients that nobody uses before registering more."""

    code = "too_many_clients"


class ClientKind(StrEnum):
    """What a client is, which decides how it gets its tokens."""

    PAGE = "page"
    """A page or an app on somebody's device: people sign in to it, and it can keep no secret."""
    SERVER = "server"
    """A server that people sign in to: it proves by its key that it asks."""
    PROGRAM = "program"
    """A program that acts for the merchant by itself, in a role."""


@dataclass(frozen=True, slots=True)
class RegisterClient:
    """Register a client in the merchant's realm, in the mode of whoever asks."""

    id: str
    by: Actor
    tenant: str
    kind: ClientKind
    name: str
    redirect_uris: tuple[str, ...] = ()
    logout_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    """Permissions it may ask for; a program without any gets all of its role."""
    public_key: str = ""
    """PEM, or a JSON Web Key or a set of them."""
    role: Role | None = None
    binds_tokens: bool = False
    key: str = ""
    """The idempotency key: the same key and command make one client."""


@dataclass(frozen=True, slots=True)
class RegisterClientKey:
    """Let a client sign with another key."""

    by: Actor
    tenant: str
    client: str
    public_key: str
    keeps_old: bool = False
    """Until the next key: time to put the new one in place."""


@dataclass(frozen=True, slots=True)
class EndClient:
    """End a client, and every token it has, now and for good."""

    by: Actor
    tenant: str
    client: str


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client as its merchant sees it; nothing of it is secret."""

    id: str
    tenant: str
    mode: Mode
    kind: ClientKind
    name: str
    client_id: str
    """What it calls itself at the issuer."""
    issuer: str
    method: str
    role: Role | None
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    keys: tuple[str, ...]
    """What its keys are called in a token's header, the newest first."""
    asks_consent: bool
    binds_tokens: bool
    active: bool
    created_at: datetime
    created_by: str
    """Empty when it came from a file."""


@dataclass(frozen=True, slots=True)
class RegisteredClientPage:
    """Some clients, newest first."""

    clients: tuple[RegisteredClient, ...]
    has_more: bool


class RegisteredClients(Protocol):
    """A merchant's clients in its people's hands."""

    async def register_client(self, command: RegisterClient) -> RegisteredClient:
        """Register a client once."""
        ...

    async def register_client_key(self, command: RegisterClientKey) -> RegisteredClient:
        """Let a client sign with another key, from now on."""
        ...

    async def end_client(self, command: EndClient) -> RegisteredClient:
        """End a client now; ending it again changes nothing."""
        ...

    async def registered_client(self, by: Actor, tenant: str, client: str) -> RegisteredClient:
        """Return one client."""
        ...

    async def registered_clients(self, query: OfTenant) -> RegisteredClientPage:
        """Return a page of clients of one's mode, newest first."""
        ...

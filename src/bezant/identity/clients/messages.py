"""What is sent and answered about a merchant's clients."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from bezant.actor import Mode
from bezant.identity.client import (
    ADDRESSES_MAX,
    KEY_CHARACTERS_MAX,
    SCOPES_MAX,
    ClientKind,
)
from bezant.identity.member import Role
from bezant.identity.messages import Answer, Name, Request
from bezant.identity.provider.checks.redirect_uri import CHARACTERS_MAX

Addresses = Annotated[
    tuple[Annotated[str, Field(max_length=CHARACTERS_MAX)], ...], Field(max_length=ADDRESSES_MAX)
]
Scopes = Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=SCOPES_MAX)]
PublicKey = Annotated[str, Field(max_length=KEY_CHARACTERS_MAX)]


class ClientBody(Request):
    """A client to register: a page, a server, or a program of one's own."""

    kind: ClientKind
    name: Name
    redirect_uris: Addresses = ()
    logout_uris: Addresses = ()
    scopes: Scopes = ()
    """What it may ask for beside who somebody is; a program without any gets all of its role."""
    public_key: PublicKey = ""
    """PEM, a JSON Web Key, or a set of them; a page has none."""
    role: Role | None = None
    """Of a program."""
    binds_tokens: bool = False
    """Its tokens are worth nothing without its key (DPoP)."""


class ClientKeyBody(Request):
    """Another key for a client."""

    public_key: Annotated[str, Field(min_length=1, max_length=KEY_CHARACTERS_MAX)]
    keeps_old: bool = False
    """The keys it has count until the next one comes."""


class ClientAnswer(Answer):
    """A client as it stands."""

    id: str
    tenant: str
    mode: Mode
    kind: ClientKind
    name: str
    client_id: str
    issuer: str
    method: str
    role: Role | None
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    keys: tuple[str, ...]
    asks_consent: bool
    binds_tokens: bool
    active: bool
    created_at: datetime
    created_by: str

"""The issuers to trust, from a file of the operator's. Pure but for the secrets it names.

[keycloak] begins an entry; below it stand issuer, merchant (`mer_…` or platform), audience,
roles_claim, client_id, client_secret_file and the others of `_Issuer`; [keycloak.roles] says which
of its roles is which of ours, the one that counts first before the others.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from bezant.actor import PLATFORM, Mode
from bezant.identity import rules
from bezant.identity.member import Role
from bezant.identity.outside.trusted import MalformedTrust, Trusted, well_formed
from bezant.ids import MalformedId
from bezant.secret import Secret

BYTES_MAX: Final = 262_144
ISSUERS_MAX: Final = 20
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")

ReadSecret = Callable[[Path], str]


class _Issuer(msgspec.Struct, forbid_unknown_fields=True):
    issuer: str
    merchant: str
    audience: str
    roles: dict[str, Role]
    title: str = ""
    mode: Mode | None = None
    roles_claim: str = "roles"
    algorithms: tuple[str, ...] = ("RS256",)
    client_id: str = ""
    client_secret_file: str = ""
    opaque: bool = False
    by_scope: bool = False
    says_when: bool = True
    hosts: tuple[str, ...] = ()


def read_trusted(content: bytes, *, live: bool, read_secret: ReadSecret) -> tuple[Trusted, ...]:
    """Read the file of trusted issuers, or say what is wrong with it."""
    if len(content) > BYTES_MAX:
        raise MalformedTrust(f"the file has at most {BYTES_MAX} bytes")
    try:
        told = msgspec.convert(tomllib.loads(content.decode()), dict[str, _Issuer])
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise MalformedTrust(f"the file is not TOML: {wrong}") from None
    except msgspec.ValidationError as wrong:
        raise MalformedTrust(f"the file cannot be used: {wrong}") from None
    found = tuple(_trusted(name, one, live, read_secret) for name, one in told.items())
    return refuse_alike(found)


def refuse_alike(found: tuple[Trusted, ...]) -> tuple[Trusted, ...]:
    """Refuse two entries that could both be meant by one token."""
    if len(found) > ISSUERS_MAX:
        raise MalformedTrust(f"at most {ISSUERS_MAX} issuers are trusted")
    if len({one.issuer for one in found}) != len(found):
        raise MalformedTrust("an issuer is named once")
    if sum(one.opaque for one in found) > 1:
        # Nobody could tell whom to ask, and whoever is asked learns the token.
        raise MalformedTrust("only one issuer's access tokens can be opaque")
    return found


def _trusted(name: str, told: _Issuer, live: bool, read_secret: ReadSecret) -> Trusted:
    if not _NAME.match(name):
        raise MalformedTrust("an issuer's name has lower-case letters, digits and hyphens")
    try:
        tenant = rules.tenant_text(rules.tenant_id(told.merchant))
    except MalformedId:
        raise MalformedTrust(f"{name}: merchant is mer_… or {PLATFORM}") from None
    secret = Secret("")
    if told.client_secret_file:
        try:
            secret = Secret(read_secret(Path(told.client_secret_file)).strip())
        except OSError:
            raise MalformedTrust(f"{name}: client_secret_file cannot be read") from None
    return well_formed(
        Trusted(
            name=name,
            issuer=told.issuer,
            title=told.title or name,
            tenant=tenant,
            mode=told.mode or (Mode.LIVE if live else Mode.TEST),
            audience=told.audience,
            roles=told.roles,
            roles_claim=told.roles_claim,
            algorithms=told.algorithms,
            client_id=told.client_id,
            client_secret=secret,
            opaque=told.opaque,
            by_scope=told.by_scope,
            says_when=told.says_when,
            hosts=told.hosts,
        ),
        live=live,
    )

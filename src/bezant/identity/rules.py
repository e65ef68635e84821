"""What members and keys may do, what a key looks like, and the limits of passwords and sessions.

The permission table below is the only one: a permission is a resource and `read` or `write`, a
role is a set of them, and keys carry a role as people do. Pure.
"""

import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.identity.custom_role import MalformedRole
from bezant.identity.port import (
    EMAIL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    Access,
    CreateApiKey,
    Grant,
    GrantsTooMuch,
    KeyKind,
    MalformedApiKey,
    MalformedEmail,
    MalformedName,
    NotAllowed,
    Role,
    UnknownMerchant,
    WeakPassword,
)
from bezant.ids import read, spell

PLATFORM_ID: Final = UUID(int=0)

# PCI DSS 8.2.6, 8.2.8, 8.3.4 and 8.3.7: constants, so that no setting can weaken them.
SESSION_IDLE: Final = timedelta(minutes=15)
SESSION_ABSOLUTE: Final = timedelta(hours=12)
SESSION_SEEN_STEP: Final = timedelta(seconds=30)  # Being seen is written at most this often.
FAILURES_MAX: Final = 10
FAILURES_FREE: Final = 4  # A typing mistake costs nothing; from the fifth on one waits.
LOCK: Final = timedelta(minutes=30)
LOCK_MAX: Final = timedelta(hours=24)
ADDRESS_FAILURES_MAX: Final = 30  # In a row from one place: an office on a Monday morning;
ADDRESS_FAILURE_LASTS: Final = timedelta(minutes=2)  # after that one in as many minutes.
STEP_UP_FRESH: Final = timedelta(minutes=15)  # PCI DSS 8.2.8 would ask anew after as long.
INACTIVE: Final = timedelta(days=90)
PASSWORDS_REMEMBERED: Final = 4
INVITATION_LIFE: Final = timedelta(days=7)
OVERLAP_SECONDS_MAX: Final = 30 * 86_400
DISTINCT_CHARACTERS_MIN: Final = 5
AGENT_CHARACTERS_MAX: Final = 300

_READ, _WRITE, _NONE = Access.READ, Access.WRITE, Access.NONE
_TABLE: Final[Mapping[str, tuple[Access, Access, Access, Access, Access, Access]]] = {
    # resource        admin   finance developer support auditor customer
    "api_keys": (_WRITE, _READ, _WRITE, _NONE, _READ, _NONE),
    "approvals": (_WRITE, _WRITE, _READ, _READ, _READ, _NONE),
    "audit": (_WRITE, _READ, _NONE, _NONE, _READ, _NONE),
    "checkout": (_WRITE, _READ, _WRITE, _READ, _READ, _WRITE),
    "customers": (_WRITE, _READ, _WRITE, _WRITE, _READ, _NONE),
    "events": (_READ, _READ, _READ, _READ, _READ, _NONE),
    "forex": (_WRITE, _WRITE, _WRITE, _READ, _READ, _NONE),
    "ledger": (_WRITE, _WRITE, _WRITE, _READ, _READ, _NONE),
    "members": (_WRITE, _READ, _READ, _READ, _READ, _NONE),
    "merchants": (_WRITE, _READ, _READ, _READ, _READ, _NONE),
    "metrics": (_WRITE, _NONE, _READ, _NONE, _READ, _NONE),
    "orders": (_WRITE, _READ, _WRITE, _READ, _READ, _NONE),
    "payments": (_WRITE, _WRITE, _WRITE, _READ, _READ, _NONE),
    "people": (_WRITE, _READ, _WRITE, _READ, _READ, _NONE),
    "receipts": (_WRITE, _READ, _READ, _READ, _READ, _NONE),
    "reconciliation": (_WRITE, _WRITE, _READ, _NONE, _READ, _NONE),
    "refunds": (_WRITE, _WRITE, _READ, _READ, _READ, _NONE),
    "requests": (_READ, _READ, _READ, _READ, _READ, _NONE),
    "reports": (_WRITE, _WRITE, _READ, _NONE, _READ, _NONE),
    "risk": (_WRITE, _READ, _READ, _READ, _READ, _NONE),
    "sandbox": (_WRITE, _NONE, _WRITE, _NONE, _READ, _NONE),
    "settings": (_WRITE, _NONE, _READ, _NONE, _READ, _NONE),
    "tokens": (_WRITE, _NONE, _WRITE, _NONE, _READ, _WRITE),
    "wallets": (_WRITE, _WRITE, _WRITE, _READ, _READ, _NONE),
    "webhooks": (_WRITE, _READ, _WRITE, _READ, _READ, _NONE),
}
RESOURCES: Final = frozenset(_TABLE)
OWN_SESSION: Final = frozenset({"session.read", "session.write", "security.write"})
"""Every member may look after their own sessions, password and passkeys; a key has none."""
STEP_UP: Final = frozenset(
    {"api_keys.write", "approvals.write", "forex.write", "ledger.write", "members.write"}
    | {"merchants.write", "payments.write", "refunds.write", "security.write", "wallets.write"}
)
"""Money and keys: for these a person proved lately who they are."""
PLATFORM_ONLY: Final = frozenset(
    {"merchants.write", "metrics.read", "metrics.write", "settings.read", "settings.write"}
)
BY_MODULES_ONLY: Final = frozenset({"ledger.write"})
"""The platform's people see every merchant's books; by hand they post in none of them."""
NEVER_BY_KEY: Final = frozenset(
    {"api_keys.write", "approvals.write", "members.write", "merchants.write"}
)
"""A stolen key must not be able to make itself a successor or a member, nor approve anything."""
EVERYTHING: Final = ("*",)
"""What is left of a role that no custom role narrows, as stores tell it."""
PUBLISHABLE: Final = frozenset({"checkout.read", "checkout.write", "tokens.write"})


def _spread(resource: str, access: Access) -> frozenset[str]:
    match access:
        case Access.NONE:
            return frozenset()
        case Access.READ:
            return frozenset({f"{resource}.read"})
        case Access.WRITE:
            return frozenset({f"{resource}.read", f"{resource}.write"})


PERMISSIONS: Final[Mapping[Role, frozenset[str]]] = {
    role: frozenset[str]().union(*(_spread(name, row[at]) for name, row in _TABLE.items()))
    for at, role in enumerate(Role)
}
"""What each role may do: the one table."""
EVERY_PERMISSION: Final = PERMISSIONS[Role.ADMIN] | OWN_SESSION


def spelled(grants: tuple[Grant, ...]) -> tuple[str, ...]:
    """Return grants as they are stored: `payments:read`."""
    return tuple(f"{one.resource}:{one.access}" for one in grants)


def grants_of(stored: tuple[str, ...]) -> tuple[Grant, ...]:
    """Read grants as they are stored."""
    parts = [one.partition(":") for one in stored]
    return tuple(Grant(resource, Access(access)) for resource, _, access in parts)


def narrowed_to(stored: tuple[str, ...]) -> tuple[Grant, ...] | None:
    """Read what a custom role leaves; `*`, which is no grant, is everything."""
    return None if stored == EVERYTHING else grants_of(stored)


def granted(grants: Iterable[Grant]) -> frozenset[str]:
    """Return what lines such as `payments: read` name together."""
    return frozenset[str]().union(*(_spread(grant.resource, grant.access) for grant in grants))


def role_permissions(role: Role, narrowed_to: tuple[Grant, ...] | None = None) -> frozenset[str]:
    """Return what a role may do; a custom role is one of ours, narrowed to some of it."""
    return PERMISSIONS[role] if narrowed_to is None else PERMISSIONS[role] & granted(narrowed_to)


def member_permissions(
    role: Role, tenant: str, narrowed_to: tuple[Grant, ...] | None = None
) -> frozenset[str]:
    """Return what a member with this role may do in this tenant."""
    held = role_permissions(role, narrowed_to) | OWN_SESSION
    return held - (BY_MODULES_ONLY if tenant == PLATFORM else PLATFORM_ONLY)


def withheld(
    methods: tuple[str, ...], proved_at: datetime, now: datetime, role: Role, *, live: bool
) -> frozenset[str]:
    """Return what a person may not do until they prove again who they are.

    The staff of a live installation does these things with two factors only (PCI DSS 8.4.2).
    """
    if not proved_at <= now < proved_at + STEP_UP_FRESH:
        return STEP_UP
    if live and role is not Role.CUSTOMER and "mfa" not in methods:
        return STEP_UP - {"security.write"}
    return frozenset()


def key_permissions(
    kind: KeyKind,
    role: Role,
    grants: tuple[Grant, ...],
    narrowed_to: tuple[Grant, ...] | None = None,
) -> frozenset[str]:
    """Return what a key may do: never more than its role, and less where it is restricted."""
    if kind is KeyKind.PUBLISHABLE:
        return PUBLISHABLE
    of_role = role_permissions(role, narrowed_to) - PLATFORM_ONLY - NEVER_BY_KEY
    return of_role if kind is KeyKind.SECRET else of_role & granted(grants)


def handed_out(
    kind: KeyKind, role: Role, narrowed_to: tuple[Grant, ...] | None = None
) -> frozenset[str]:
    """Return what whoever makes or renews a key must hold: all of the role that it carries."""
    whole = KeyKind.SECRET if kind is KeyKind.RESTRICTED else kind
    return key_permissions(whole, role, (), narrowed_to)


def operator(mode: Mode) -> Actor:
    """Return whoever sits at the machine itself and runs the command line."""
    return Actor(
        caller=Caller.OPERATOR,
        subject="operator",
        tenant=PLATFORM,
        mode=mode,
        permissions=EVERY_PERMISSION,
        role=Role.ADMIN,
    )


def permit(by: Actor, permission: str, tenant: str | None = None) -> None:
    """Refuse who lacks the permission; another merchant's things do not exist for them."""
    if not by.may(permission):
        raise NotAllowed
    if tenant is not None and by.tenant not in (PLATFORM, tenant):
        raise UnknownMerchant


def grantable(by: Actor, permissions: frozenset[str]) -> None:
    """Refuse to make a key that can more than its maker: they are the first to have its text."""
    if not permissions <= by.permissions:
        raise GrantsTooMuch


def appointable(by: Actor, permissions: frozenset[str]) -> None:
    """Refuse to give somebody else more rights than one has oneself.

    What the platform's people do in no book by hand, a merchant's own people do, and somebody has
    to appoint the first of them: whoever has all that their role has at the platform. A token that
    was given less appoints to less.
    """
    held = by.permissions | OWN_SESSION
    if by.tenant == PLATFORM and by.role:
        of_role = PERMISSIONS[Role(by.role)]
        if of_role - BY_MODULES_ONLY <= held:
            held |= of_role
    if not permissions <= held:
        raise GrantsTooMuch


def well_formed_role(basis: Role, grants: tuple[Grant, ...], tenant: str) -> None:
    """Refuse a custom role that is no part of one of ours."""
    if basis is Role.CUSTOMER:
        raise MalformedRole("a custom role is for the staff; a customer is none", field="basis")
    if not grants:
        raise MalformedRole("a role may do something", field="grants")
    if not _each_once(grants):
        raise MalformedRole("grants name each known resource at most once", field="grants")
    if not granted(grants) <= member_permissions(basis, tenant):
        raise MalformedRole("a grant goes beyond the role it narrows", field="grants")


def _each_once(grants: tuple[Grant, ...]) -> bool:
    named = [grant.resource for grant in grants]
    return len(set(named)) == len(named) and set(named) <= RESOURCES


def well_formed_key(command: CreateApiKey, now: datetime) -> None:
    """Refuse a key whose parts contradict each other."""
    if command.tenant == PLATFORM:
        raise MalformedApiKey("keys belong to a merchant", field="merchant")
    if command.role is Role.CUSTOMER:
        raise MalformedApiKey("a key is a program's; a customer is a person", field="role")
    if command.expires_at is not None and command.expires_at <= now:
        raise MalformedApiKey("the key would have expired already", field="expires_at")
    if (command.kind is KeyKind.RESTRICTED) != bool(command.grants):
        raise MalformedApiKey("restricted keys, and only they, have grants", field="grants")
    if not _each_once(command.grants):
        raise MalformedApiKey("grants name each known resource at most once", field="grants")
    if granted(command.grants) - key_permissions(KeyKind.SECRET, command.role, ()):
        raise MalformedApiKey("a grant goes beyond the key's role", field="grants")


# A key reads `sk_test_`, 24 random characters, 6 of checksum: secret scanners find it by its
# beginning and sort out chance hits by the checksum, and a mistyped key costs us no question.
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS: Final = 24  # 142 bits.
_CHECKSUM_CHARACTERS: Final = 6
_KEY: Final = re.compile(r"((pk|sk|rk)_(test|live)_[0-9A-Za-z]{24})([0-9A-Za-z]{6})\Z")
_KEY_START: Final = re.compile(r"(pk|sk|rk)_")


def new_key_text(kind: KeyKind, mode: Mode, chance: Callable[[int], bytes]) -> str:
    """Make a key's text; 32 bytes of chance leave no bias worth naming in 142 bits."""
    random = int.from_bytes(chance(32)) % len(_ALPHABET) ** _RANDOM_CHARACTERS
    return with_checksum(f"{kind}_{mode}_{_base62(random, _RANDOM_CHARACTERS)}")


def with_checksum(body: str) -> str:
    """Return a key's text from all of it but the checksum."""
    return body + _checksum(body)


def key_text_fits(text: str) -> bool:
    """Tell whether a text can be a key at all: its form and checksum fit."""
    match = _KEY.match(text)
    return match is not None and _checksum(match[1]) == match[4]


def looks_like_key(text: str) -> bool:
    """Tell whether a text begins as keys do."""
    return _KEY_START.match(text) is not None


def shown(text: str) -> str:
    """Return how a key is recognised: its beginning and its last four characters."""
    return f"{text[:8]}…{text[-4:]}"


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits: list[str] = []
    for _ in range(characters):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


# Secrets that programs of this kind are known to be installed with.
_WELL_KNOWN: Final = frozenset(
    {"changeme123!", "secure-password", "your-jwt-secret-key", "redis-secret"}
)
_EMAIL: Final = re.compile(r'[^@\s,;:<>()[\]\\"]{1,64}@[^@\s,;:<>()[\]\\"]+\Z')
_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")


def normal_email(text: str) -> str:
    """Return an address as it is stored and compared. Letters' case makes no difference here."""
    email = unicodedata.normalize("NFKC", text).strip().lower()
    if len(email) > EMAIL_CHARACTERS_MAX or not _EMAIL.match(email) or not email.isprintable():
        raise MalformedEmail(field="email")
    return email


def normal_username(text: str) -> str:
    """Return a name to sign in with, for those who were not told to use their address."""
    username = unicodedata.normalize("NFKC", text).strip().lower()
    if not _USERNAME.match(username):
        raise MalformedName("a username has letters, digits, dots and hyphens", field="username")
    return username


def normal_name(text: str) -> str:
    """Return a name without spaces around it."""
    name = text.strip()
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        raise MalformedName(field="name")
    return name


def normal_password(text: str) -> str:
    """Return a password as it is hashed: the same on every keyboard (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", text).encode(errors="replace").decode()


def strong_password(password: str, email: str) -> None:
    """Refuse a password that is short, dull, or known to everybody."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise WeakPassword(
            f"a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters",
            field="password",
        )
    easy = password.lower()
    if len(set(easy)) < DISTINCT_CHARACTERS_MIN or easy in _WELL_KNOWN:
        raise WeakPassword(field="password")
    if email.partition("@")[0] in easy and len(easy) < 2 * PASSWORD_CHARACTERS_MIN:
        raise WeakPassword("a password does not contain one's address", field="password")


def plain_text(text: str) -> str:
    """Return what a client tells about itself, made fit to be stored and shown."""
    return "".join(one for one in text if one.isprintable())[:AGENT_CHARACTERS_MAX]


def locked_for(failures: int) -> timedelta:
    """Return how long an address waits after its n-th failure in a row."""
    if failures <= FAILURES_FREE:
        return timedelta(0)
    if failures < FAILURES_MAX:
        return timedelta(seconds=2 ** (failures - FAILURES_FREE - 1))
    doublings = min(failures - FAILURES_MAX, 10)
    return min(LOCK * 2**doublings, LOCK_MAX)


def tenant_id(tenant: str) -> UUID:
    """Return the stored id of a tenant."""
    return PLATFORM_ID if tenant == PLATFORM else merchant_id(tenant)


def merchant_id(merchant: str) -> UUID:
    """Return the stored id of a merchant; the platform's own row is none."""
    found = read("mer", merchant)
    if found == PLATFORM_ID:
        raise UnknownMerchant
    return found


def tenant_text(stored: UUID) -> str:
    """Return a stored tenant's id as it is told."""
    return PLATFORM if stored == PLATFORM_ID else spell("mer", stored)

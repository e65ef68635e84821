"""What may happen to a key, and how a version is named. Pure."""

import re
from typing import Final

from bezant.errors import Invalid
from bezant.keys.port import (
    KID_CHARACTERS_MAX,
    OWNER_CHARACTERS_MAX,
    DeclareKey,
    KeyInUse,
    KeyOfAnother,
    KeyPlan,
    KeySpec,
    KeyState,
    Purpose,
    UnsupportedKey,
)

THUMBPRINT_CHARACTERS: Final = 10
DAYS_MAX: Final = 3_650
PUBLISH_SECONDS_MAX: Final = 30 * 86_400
ROTATE_DAYS: Final = {
    # Whoever verifies must learn of a new key first, so a signing key waits for a plan.
    Purpose.SIGN: 0,
    Purpose.MAC: 365,
    # Far below 2^32 messages under one key with random IVs (NIST SP 800-38D).
    Purpose.SEAL: 90,
    Purpose.WRAP: 365,
}
"""How long a version works where nobody planned otherwise."""
PUBLISH_SECONDS: Final = {
    Purpose.SIGN: 86_400,  # Longer than anybody keeps a list of public keys.
    Purpose.MAC: 60,  # Longer than a process remembers which versions may be compared with.
    Purpose.SEAL: 0,
    Purpose.WRAP: 0,
}
"""How long a new version is shown before it works, where a key is replaced by itself."""
KEEPERS: Final = frozenset({"gateway", "keys", "operator"})
"""Who may work with every key: the key room, and whoever keeps modules that have no process."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_KID = re.compile(
    r"([a-z][a-z0-9-]{0,39})-(?:v[1-9][0-9]{0,8}-[A-Za-z0-9_-]{10}|m[0-9]{6}-[0-9a-f]{16})\Z"
)
_FITTING: Final = {
    Purpose.SIGN: {KeySpec.RSA3072, KeySpec.P256, KeySpec.ED25519, KeySpec.MLDSA87},
    Purpose.MAC: {KeySpec.HMAC256},
    Purpose.SEAL: {KeySpec.AES256, KeySpec.MLKEM1024P384},
    Purpose.WRAP: {KeySpec.AES256},
}


class MalformedKeyName(Invalid):
    """A key's name has lower-case letters, digits and hyphens, and begins with a letter."""

    code = "malformed_key_name"


def declarable(command: DeclareKey) -> None:
    """Refuse a key whose kind does not fit its purpose, or whose name could not be a kid."""
    if not _NAME.match(command.name):
        raise MalformedKeyName(field="name")
    if command.spec not in _FITTING[command.purpose]:
        raise UnsupportedKey(f"{command.spec} is not a kind of key to {command.purpose} with")
    if command.wrapped and command.spec is not KeySpec.AES256:
        raise UnsupportedKey("only AES-256 data keys lie wrapped in the database")
    if command.wrapped and command.purpose is Purpose.WRAP:
        raise UnsupportedKey("a key-encryption key lies with a provider, not under another one")


def workable(name: str, declared_by: str, caller: str) -> None:
    """Refuse a module that would work with the key of another one."""
    if caller != declared_by and caller not in KEEPERS:
        raise KeyOfAnother(f"{name} is not a key of {caller}")


def name_of(kid: str) -> str | None:
    """Return the key that a version, or the data key of an owner, says it belongs to."""
    match = _KID.match(kid)
    return match[1] if match else None


def begins_with(command: DeclareKey) -> KeyPlan:
    """Return the plan of a key that is just declared."""
    days = command.rotate_days
    rotate_days = ROTATE_DAYS[command.purpose] if days is None else days
    # Of a short life at most half is spent on being shown.
    usual = min(PUBLISH_SECONDS[command.purpose], rotate_days * 86_400 // 2)
    shown = command.publish_seconds or usual
    plan = KeyPlan(command.name, rotate_days, shown if rotate_days else 0, 0)
    plannable(plan, command.purpose)
    return plan


def plannable(plan: KeyPlan, purpose: Purpose) -> None:
    """Refuse a plan that is out of bounds, or that would destroy what is still needed."""
    for field, value, most in (
        ("rotate_days", plan.rotate_days, DAYS_MAX),
        ("publish_seconds", plan.publish_seconds, PUBLISH_SECONDS_MAX),
        ("destroy_days", plan.destroy_days, DAYS_MAX),
    ):
        if not 0 <= value <= most:
            raise Invalid(f"from 0 to {most}", field=field)
    if plan.rotate_days and plan.publish_seconds >= plan.rotate_days * 86_400:
        raise Invalid("a version is shown for less time than it works", field="publish_seconds")
    if plan.destroy_days and purpose in (Purpose.SEAL, Purpose.WRAP):
        raise Invalid(
            "what a key sealed may still be needed: destroy it by hand", field="destroy_days"
        )


def owner(text: str) -> None:
    """Refuse an owner that could not be told from another."""
    if not 0 < len(text) <= OWNER_CHARACTERS_MAX or not text.isascii() or not text.isprintable():
        raise Invalid(f"1 to {OWNER_CHARACTERS_MAX} printable characters", field="owner")


def destroyable(state: KeyState) -> None:
    """Refuse to destroy a version that still does new work."""
    if state is KeyState.ACTIVE:
        raise KeyInUse("this version is active: rotate the key first")


def retired(purpose: Purpose) -> KeyState:
    """Return what an active version becomes when another takes over."""
    if purpose in (Purpose.SIGN, Purpose.MAC):
        return KeyState.VERIFY_ONLY
    return KeyState.DECRYPT_ONLY


def kid(name: str, version: int, suffix: str) -> str:
    """Name a version: `webhook-signing-v3-` and the start of its thumbprint."""
    made = f"{name}-v{version}-{suffix[:THUMBPRINT_CHARACTERS]}"
    assert len(made) <= KID_CHARACTERS_MAX, made
    return made


def data_kid(name: str, month: str, suffix: str) -> str:
    """Name a data key: `profiles-m202611-` and chance."""
    made = f"{name}-m{month.replace('-', '')}-{suffix}"
    assert len(made) <= KID_CHARACTERS_MAX, made
    return made

"""What may happen to a key, and how a version is named. Pure."""

import re
from typing import Final

from bezant.errors import Invalid
from bezant.keys.port import (
    KID_CHARACTERS_MAX,
    DeclareKey,
    KeyInUse,
    KeySpec,
    KeyState,
    Purpose,
    UnsupportedKey,
)

THUMBPRINT_CHARACTERS: Final = 10
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
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

"""What is classical here and what is not: the kinds of key that can be made, and what uses them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bezant.keys.key import ALGORITHM_OF, Algorithm, KeySpec, KeyState, KeyVersion, Purpose


class Security(StrEnum):
    """What a large quantum computer would do to it."""

    CLASSICAL = "classical"
    """It would be broken (Shor)."""
    POST_QUANTUM = "post_quantum"
    """It rests on lattices (FIPS 203, FIPS 204), which is newer and less looked at."""
    HYBRID = "hybrid"
    """Both a curve and a lattice would have to be broken."""
    SYMMETRIC = "symmetric"
    """A key of 256 bits keeps about half of them (Grover), which is enough."""


SECURITY_OF: Final[Mapping[KeySpec, Security]] = {
    KeySpec.RSA3072: Security.CLASSICAL,
    KeySpec.P256: Security.CLASSICAL,
    KeySpec.ED25519: Security.CLASSICAL,
    KeySpec.MLDSA87: Security.POST_QUANTUM,
    KeySpec.AES256: Security.SYMMETRIC,
    KeySpec.HMAC256: Security.SYMMETRIC,
    KeySpec.MLKEM1024P384: Security.HYBRID,
}


@dataclass(frozen=True, slots=True)
class Capability:
    """A kind of key."""

    spec: KeySpec
    algorithm: Algorithm
    security: Security
    available: bool
    """Keys of this kind can be made and used here."""
    keys: tuple[str, ...]
    """The logical keys that work with it now."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the key room can do, and what it does."""

    kinds: tuple[Capability, ...]
    places: tuple[str, ...]
    """Where keys lie, said honestly: `software`, `softhsm`, `pkcs11`."""
    signed_post_quantum: bool
    """Some key that signs now is of ML-DSA."""
    sealed_post_quantum: bool
    """Some key that seals now is of the hybrid with ML-KEM."""


def capabilities(
    available: frozenset[KeySpec], places: Iterable[str], versions: Iterable[KeyVersion]
) -> Capabilities:
    """Sum up what there is."""
    active = [row for row in versions if row.state is KeyState.ACTIVE]
    kinds = tuple(
        Capability(
            spec,
            ALGORITHM_OF[spec],
            SECURITY_OF[spec],
            spec in available,
            tuple(sorted(row.name for row in active if row.spec is spec)),
        )
        for spec in KeySpec
    )
    used = {(row.purpose, SECURITY_OF[row.spec]) for row in active}
    return Capabilities(
        kinds,
        tuple(dict.fromkeys(places)),
        signed_post_quantum=(Purpose.SIGN, Security.POST_QUANTUM) in used,
        sealed_post_quantum=(Purpose.SEAL, Security.HYBRID) in used,
    )

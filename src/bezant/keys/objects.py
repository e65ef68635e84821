"""Keys as objects of a token: how each kind is made, found, used and described there.

An object is found by its class, label and ID, and exactly one may be there: two keys that answer to
one name would sign with one and verify with the other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pkcs11
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pkcs11 import GCMParams, KeyType, Mechanism, MechanismFlag
from pkcs11.constants import Attribute, ObjectClass
from pkcs11.mechanisms import MGF
from pkcs11.types import DecryptMixin, EncryptMixin, SignMixin
from pkcs11.util.ec import encode_named_curve_parameters

from bezant.keys import algorithms
from bezant.keys.port import (
    ALGORITHM_OF,
    Algorithm,
    CannotOpen,
    KeySpec,
    KeyStoreUnusable,
)
from bezant.keys.provider import Encrypted
from bezant.keys.token import GONE, Lent

SEALED: Final = frozenset({KeySpec.MLDSA87, KeySpec.MLKEM1024P384})
"""Kinds whose seeds a token seals because it cannot use them."""
TAG_BITS: Final = 128
PROBE: Final = b"is this key at work?"
_CURVES: Final[Mapping[KeySpec, str]] = {
    KeySpec.P256: "secp256r1",
    KeySpec.ED25519: "1.3.101.112",
}
# What a token says of a ciphertext that is not genuine; one that is gone says some of it, too.
_NOT_GENUINE: Final[tuple[type[pkcs11.PKCS11Error], ...]] = (
    pkcs11.ArgumentsBad,
    pkcs11.DataInvalid,
    pkcs11.DataLenRange,
    pkcs11.EncryptedDataInvalid,
    pkcs11.EncryptedDataLenRange,
    pkcs11.FunctionFailed,
    pkcs11.GeneralError,
    pkcs11.MechanismParamInvalid,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of key looks in a token."""

    spec: KeySpec
    type: KeyType
    making: Mechanism
    using: Mechanism
    paired: bool


KINDS: Final[Mapping[KeySpec, Kind]] = {
    kind.spec: kind
    for kind in (
        Kind(
            KeySpec.RSA3072, KeyType.RSA, Mechanism.RSA_PKCS_KEY_PAIR_GEN,
            Mechanism.SHA256_RSA_PKCS_PSS, paired=True,
        ),
        Kind(
            KeySpec.P256, KeyType.EC, Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA, paired=True
        ),
        Kind(
            KeySpec.ED25519, KeyType.EC_EDWARDS, Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            Mechanism.EDDSA, paired=True,
        ),
        Kind(
            KeySpec.AES256, KeyType.AES, Mechanism.AES_KEY_GEN, Mechanism.AES_GCM, paired=False
        ),
        Kind(
            KeySpec.HMAC256, KeyType.GENERIC_SECRET, Mechanism.GENERIC_SECRET_KEY_GEN,
            Mechanism.SHA256_HMAC, paired=False,
        ),
    )
}  # fmt: skip


def supported(lent: Lent) -> frozenset[KeySpec]:
    """Return the kinds of key that the token can make and use."""
    can = set(lent.session.token.slot.get_mechanisms())
    return frozenset(kind.spec for kind in KINDS.values() if {kind.making, kind.using} <= can)


def is_there(lent: Lent, kind: Kind, label: str, ident: bytes) -> bool:
    """Tell whether this key exists already."""
    attributes = {**_named(label, ident), Attribute.CLASS: _class(kind)}
    return any(True for _ in lent.session.get_objects(attributes))


def make(lent: Lent, kind: Kind, label: str, ident: bytes) -> None:
    """Make a key that cannot leave the token, and use it once before anybody relies on it."""
    kept = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    if not kind.paired:
        sealing = kind.spec is KeySpec.AES256
        lent.session.generate_key(
            kind.type,
            algorithms.KEY_BYTES * 8,
            id=ident,
            label=label,
            store=True,
            capabilities=_SEALING if sealing else _SIGNING,
            mechanism=kind.making,
            template=kept,
        )
        return
    if kind.spec is KeySpec.RSA3072:
        lent.session.generate_keypair(
            kind.type,
            algorithms.RSA_BITS,
            id=ident,
            label=label,
            store=True,
            capabilities=_SIGNING,
            mechanism=kind.making,
            private_template=kept,
        )
    else:
        curve = encode_named_curve_parameters(_CURVES[kind.spec])
        lent.session.create_domain_parameters(
            kind.type, {Attribute.EC_PARAMS: curve}, local=True
        ).generate_keypair(
            id=ident,
            label=label,
            store=True,
            capabilities=_SIGNING,
            mechanism=kind.making,
            private_template=kept,
        )
    signature = sign(lent, kind, label, ident, PROBE)
    public = public_key(lent, kind, label, ident)
    if not algorithms.verify(ALGORITHM_OF[kind.spec], public, PROBE, signature):
        destroy(lent, label, ident)
        raise KeyStoreUnusable("the HSM made a key that does not fit itself")


def public_key(lent: Lent, kind: Kind, label: str, ident: bytes) -> bytes:
    """Return a public key as SPKI."""
    stored = _one(lent, ObjectClass.PUBLIC_KEY, label, ident)
    if kind.spec is KeySpec.RSA3072:
        modulus, exponent = stored[Attribute.MODULUS], stored[Attribute.PUBLIC_EXPONENT]
        numbers = rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus))
        public = numbers.public_key()
    else:
        point = bytes(stored[Attribute.EC_POINT])
        # PKCS#11 v2.40 has the point in an OCTET STRING; some tokens give it as it is. The length
        # alone tells: one bare point in 256 begins as such a string would.
        size = _POINT_BYTES[kind.spec]
        if len(point) == size + 2 and point[:2] == bytes((0x04, size)):
            point = point[2:]
        if kind.spec is KeySpec.ED25519:
            public = ed25519.Ed25519PublicKey.from_public_bytes(point)
        else:
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(lent: Lent, kind: Kind, label: str, ident: bytes, message: bytes) -> bytes:
    """Sign, or hash under a key."""
    key = _one(lent, _class(kind), label, ident)
    assert isinstance(key, SignMixin)
    parameters = None
    if kind.spec is KeySpec.RSA3072:
        parameters = (Mechanism.SHA256, MGF.SHA256, algorithms.SALT_BYTES)
    elif kind.spec is KeySpec.P256:  # SoftHSM cannot hash and sign at once.
        message = hashlib.sha256(message).digest()
    return key.sign(message, mechanism=kind.using, mechanism_param=parameters)


def encrypt(
    lent: Lent, label: str, ident: bytes, iv: bytes, plaintext: bytes, bound_to: bytes
) -> bytes:
    """Encrypt with AES-256-GCM."""
    return _encrypt(lent, label, ident, plaintext, GCMParams(iv, bound_to, TAG_BITS))


def decrypt(lent: Lent, label: str, ident: bytes, sealed: Encrypted, bound_to: bytes) -> bytes:
    """Decrypt, or raise `CannotOpen`; a token that is gone is told apart by asking it once more."""
    if sealed.algorithm is not Algorithm.A256GCM or len(sealed.iv) != algorithms.IV_BYTES:
        raise CannotOpen
    if len(sealed.ciphertext) < TAG_BITS // 8:
        raise CannotOpen
    parameters = GCMParams(sealed.iv, bound_to, TAG_BITS)
    try:
        return _decrypt(lent, label, ident, sealed.ciphertext, parameters)
    except _NOT_GENUINE as error:
        if _at_work(lent, label, ident):
            raise CannotOpen from None
        raise pkcs11.DeviceError from error


def destroy(lent: Lent, label: str, ident: bytes) -> None:
    """Erase a key, both halves of a pair."""
    lent.objects.clear()
    for one in list(lent.session.get_objects(_named(label, ident))):
        one.destroy()


def attested(lent: Lent, kind: Kind, label: str, ident: bytes) -> tuple[bool, bool]:
    """Return whether a key was made in the token, and whether it could never leave it."""
    key = _one(lent, _class(kind), label, ident)
    kept = key[Attribute.NEVER_EXTRACTABLE] and key[Attribute.ALWAYS_SENSITIVE]
    return bool(key[Attribute.LOCAL]), bool(kept)


def count(lent: Lent) -> int:
    """Return how many secret and private keys lie in the token."""
    classes = (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY)
    return sum(1 for of in classes for _ in lent.session.get_objects({Attribute.CLASS: of}))


_POINT_BYTES: Final = {KeySpec.P256: 65, KeySpec.ED25519: 32}
_SIGNING: Final = MechanismFlag.SIGN | MechanismFlag.VERIFY
_SEALING: Final = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT


def _class(kind: Kind) -> ObjectClass:
    return ObjectClass.PRIVATE_KEY if kind.paired else ObjectClass.SECRET_KEY


def _named(label: str, ident: bytes) -> dict[Attribute, object]:
    return {Attribute.LABEL: label, Attribute.ID: ident}


def _one(lent: Lent, of: ObjectClass, label: str, ident: bytes) -> pkcs11.Object:
    """Return the one object of this name; a handle that was found is remembered."""
    remembered = lent.objects.get((of.name, label, ident))
    if remembered is not None:
        return remembered
    found = list(lent.session.get_objects({**_named(label, ident), Attribute.CLASS: of}))
    if not found:
        raise pkcs11.NoSuchKey  # The registry says otherwise: the token may just be gone.
    if len(found) > 1:
        raise KeyStoreUnusable(f"the HSM has two keys called {label} with one ID")
    lent.objects[of.name, label, ident] = found[0]
    return found[0]


def _encrypt(
    lent: Lent, label: str, ident: bytes, plaintext: bytes, parameters: GCMParams
) -> bytes:
    key = _one(lent, ObjectClass.SECRET_KEY, label, ident)
    assert isinstance(key, EncryptMixin)
    made = key.encrypt(plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=parameters)
    assert isinstance(made, bytes)
    return made


def _decrypt(
    lent: Lent, label: str, ident: bytes, ciphertext: bytes, parameters: GCMParams
) -> bytes:
    key = _one(lent, ObjectClass.SECRET_KEY, label, ident)
    assert isinstance(key, DecryptMixin)
    opened = key.decrypt(ciphertext, mechanism=Mechanism.AES_GCM, mechanism_param=parameters)
    assert isinstance(opened, bytes)
    return opened


def _at_work(lent: Lent, label: str, ident: bytes) -> bool:
    """Tell whether a key still encrypts and decrypts."""
    # Always the same IV, for always the same text: that gives nothing away.
    parameters = GCMParams(bytes(algorithms.IV_BYTES), PROBE, TAG_BITS)
    try:
        made = _encrypt(lent, label, ident, PROBE, parameters)
        return _decrypt(lent, label, ident, made, parameters) == PROBE
    except (*GONE, *_NOT_GENUINE):
        return False

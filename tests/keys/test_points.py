"""A public key as a token tells it: wrapped as the standard says, or as it is."""

from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from pkcs11.constants import Attribute

from bezant.keys import KeySpec, objects
from bezant.keys.token import Lent

pytestmark = pytest.mark.system
LOOKS_WRAPPED = {KeySpec.P256: 63, KeySpec.ED25519: 30}
"""The second byte of a bare point that begins as a wrapped one would."""


def told(spec: KeySpec, point: bytes) -> bytes:
    stored = cast("Any", {Attribute.EC_POINT: point})
    lent = Lent(cast("Any", None), 1, {("PUBLIC_KEY", "label", b"1"): stored})
    return objects.public_key(lent, objects.KINDS[spec], "label", b"1")


def of_p256() -> tuple[bytes, bytes]:
    while True:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        point = key.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        if point[1] == LOOKS_WRAPPED[KeySpec.P256]:
            return point, _spki(key)


def of_ed25519() -> tuple[bytes, bytes]:
    point = bytes((0x04, LOOKS_WRAPPED[KeySpec.ED25519])) + bytes(30)
    return point, _spki(ed25519.Ed25519PublicKey.from_public_bytes(point))


def _spki(key: Any) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("make", [of_p256, of_ed25519])
def test_a_point_is_the_same_wrapped_and_bare(make: Any) -> None:
    spec = {of_p256: KeySpec.P256, of_ed25519: KeySpec.ED25519}[make]
    point, expected = make()
    assert told(spec, point) == expected
    assert told(spec, bytes((0x04, len(point))) + point) == expected

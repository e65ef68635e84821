"""What each kind of key is made of and does: pure functions over key bytes.

Key material at rest is PKCS#8 for RSA, P-256 and Ed25519, the 32-byte seed for ML-DSA (FIPS 204),
32 bytes for AES and HMAC, and for the hybrid KEM the 64-byte ML-KEM seed (FIPS 203) followed by the
PKCS#8 of its P-384 half.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bezant.keys.port import Algorithm, CannotOpen, KeySpec, UnsupportedKey
from bezant.keys.provider import Encrypted

IV_BYTES: Final = 12  # NIST SP 800-38D: 96-bit random IVs, good for 2^32 messages under one key.
KEY_BYTES: Final = 32
KEM_SEED_BYTES: Final = 64
RSA_BITS: Final = 3072
SALT_BYTES: Final = 32  # RFC 7518: PS256 uses a salt as long as its hash.
COORDINATE_BYTES: Final = 32

HYBRID = hpke.Suite(hpke.KEM.MLKEM1024_P384, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM)
SYMMETRIC = frozenset({KeySpec.AES256, KeySpec.HMAC256})
SLOW = frozenset({KeySpec.RSA3072, KeySpec.MLDSA87})  # About a millisecond a signature.

Private = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA87PrivateKey
    | hpke.MLKEM1024P384PrivateKey
    | bytes
)
"""A key ready for work; symmetric keys are their bytes."""


def generate(spec: KeySpec, chance: Callable[[int], bytes]) -> bytes:
    """Make a key and return its material. Asymmetric keys take their chance from OpenSSL."""
    match spec:
        case KeySpec.AES256 | KeySpec.HMAC256 | KeySpec.MLDSA87:
            return chance(KEY_BYTES)
        case KeySpec.RSA3072:
            return _pkcs8(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))
        case KeySpec.P256:
            return _pkcs8(ec.generate_private_key(ec.SECP256R1()))
        case KeySpec.ED25519:
            return _pkcs8(ed25519.Ed25519PrivateKey.generate())
        case KeySpec.MLKEM1024P384:
            return chance(KEM_SEED_BYTES) + _pkcs8(ec.generate_private_key(ec.SECP384R1()))


def load(spec: KeySpec, material: bytes) -> tuple[Private, bytes | None]:
    """Return the key ready for work and its public half; material of another kind is refused."""
    if spec in SYMMETRIC:
        if len(material) != KEY_BYTES:
            raise CannotOpen
        return material, None
    if spec is KeySpec.MLDSA87:
        signer = mldsa.MLDSA87PrivateKey.from_seed_bytes(material)
        return signer, _spki(signer.public_key())
    if spec is KeySpec.MLKEM1024P384:
        return _load_hybrid(material)
    private = serialization.load_der_private_key(material, None)
    match spec, private:
        case (
            (KeySpec.RSA3072, rsa.RSAPrivateKey())
            | (KeySpec.P256, ec.EllipticCurvePrivateKey())
            | (KeySpec.ED25519, ed25519.Ed25519PrivateKey())
        ):
            return private, _spki(private.public_key())
        case _:
            raise CannotOpen


def sign(algorithm: Algorithm, private: Private, message: bytes) -> bytes:
    """Sign; ECDSA answers r and s side by side as JOSE wants them (RFC 7518, 3.4)."""
    match algorithm, private:
        case Algorithm.PS256, rsa.RSAPrivateKey():
            return private.sign(message, _PSS, hashes.SHA256())
        case Algorithm.ES256, ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)
        case Algorithm.EDDSA, ed25519.Ed25519PrivateKey():
            return private.sign(message)
        case Algorithm.MLDSA87, mldsa.MLDSA87PrivateKey():
            return private.sign(message)
        case Algorithm.HS256, bytes():
            return hmac.digest(private, message, "sha256")
        case _:
            raise UnsupportedKey


def verify(algorithm: Algorithm, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature fits. A key of another kind than the algorithm's never fits."""
    public = serialization.load_der_public_key(public_key)
    try:
        match algorithm, public:
            case Algorithm.PS256, rsa.RSAPublicKey():
                public.verify(signature, message, _PSS, hashes.SHA256())
            case Algorithm.ES256, ec.EllipticCurvePublicKey():
                public.verify(_as_der(signature), message, ec.ECDSA(hashes.SHA256()))
            case Algorithm.EDDSA, ed25519.Ed25519PublicKey():
                public.verify(signature, message)
            case Algorithm.MLDSA87, mldsa.MLDSA87PublicKey():
                public.verify(signature, message)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def encrypt(
    private: Private, plaintext: bytes, bound_to: bytes, chance: Callable[[int], bytes]
) -> Encrypted:
    """Encrypt to a symmetric key or to the hybrid KEM; `bound_to` must be the same to decrypt."""
    match private:
        case bytes():
            iv = chance(IV_BYTES)
            return Encrypted(
                Algorithm.A256GCM, iv, AESGCM(private).encrypt(iv, plaintext, bound_to)
            )
        case hpke.MLKEM1024P384PrivateKey():
            box = HYBRID.encrypt(plaintext, private.public_key(), info=bound_to)
            return Encrypted(Algorithm.HPKE, b"", box)
        case _:
            raise UnsupportedKey


def decrypt(private: Private, encrypted: Encrypted, bound_to: bytes) -> bytes:
    """Decrypt, or raise `CannotOpen`, whatever was wrong."""
    try:
        match encrypted.algorithm, private:
            case Algorithm.A256GCM, bytes():
                return AESGCM(private).decrypt(encrypted.iv, encrypted.ciphertext, bound_to)
            case Algorithm.HPKE, hpke.MLKEM1024P384PrivateKey() if not encrypted.iv:
                return HYBRID.decrypt(encrypted.ciphertext, private, info=bound_to)
            case _:
                raise CannotOpen
    except (InvalidTag, ValueError):
        raise CannotOpen from None


def thumbprint(spec: KeySpec, public_key: bytes) -> str:
    """Return the JWK thumbprint (RFC 7638); of the hybrid KEM, which has no JWK, the SHA-256."""
    if spec is KeySpec.MLKEM1024P384:
        return _base64url(hashlib.sha256(public_key).digest())
    members = json.dumps(_jwk_members(public_key), separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(members.encode()).digest())


def supported() -> frozenset[KeySpec]:
    """Return the kinds of key that the OpenSSL behind `cryptography` can do."""
    specs = set(KeySpec)
    try:
        mldsa.MLDSA87PrivateKey.generate()
    except UnsupportedAlgorithm:
        specs.discard(KeySpec.MLDSA87)
    try:
        mlkem.MLKEM1024PrivateKey.generate()
    except UnsupportedAlgorithm:
        specs.discard(KeySpec.MLKEM1024P384)
    return frozenset(specs)


_PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), SALT_BYTES)


def _load_hybrid(material: bytes) -> tuple[Private, bytes]:
    lattice = mlkem.MLKEM1024PrivateKey.from_seed_bytes(material[:KEM_SEED_BYTES])
    curve = serialization.load_der_private_key(material[KEM_SEED_BYTES:], None)
    if not isinstance(curve, ec.EllipticCurvePrivateKey):
        raise CannotOpen
    point = curve.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    public_key = lattice.public_key().public_bytes_raw() + point
    return hpke.MLKEM1024P384PrivateKey(lattice, curve), public_key


def _pkcs8(
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> bytes:
    return private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _spki(
    public: rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | mldsa.MLDSA87PublicKey,
) -> bytes:
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _as_der(signature: bytes) -> bytes:
    if len(signature) != 2 * COORDINATE_BYTES:
        raise InvalidSignature
    r = int.from_bytes(signature[:COORDINATE_BYTES])
    s = int.from_bytes(signature[COORDINATE_BYTES:])
    return encode_dss_signature(r, s)


def _jwk_members(public_key: bytes) -> dict[str, str]:
    """Return the members that RFC 7638 (RSA, EC), RFC 8037 (OKP) and RFC 9964 (AKP) hash."""
    public = serialization.load_der_public_key(public_key)
    match public:
        case rsa.RSAPublicKey():
            numbers = public.public_numbers()
            return {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
        case ec.EllipticCurvePublicKey():
            point = public.public_numbers()
            x, y = (_base64url(at.to_bytes(COORDINATE_BYTES)) for at in (point.x, point.y))
            return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        case ed25519.Ed25519PublicKey():
            return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public.public_bytes_raw())}
        case mldsa.MLDSA87PublicKey():
            raw = public.public_bytes_raw()
            return {"alg": "ML-DSA-87", "kty": "AKP", "pub": _base64url(raw)}
        case _:
            raise UnsupportedKey


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

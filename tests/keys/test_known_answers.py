"""T88: post-quantum algorithms give the standards' answers, and halves of hybrids give none."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

from bezant.keys import (
    Algorithm,
    BadSignature,
    CannotOpen,
    DeclareKey,
    KeySpec,
    Purpose,
    Sealed,
    Signature,
    algorithms,
)
from bezant.keys.provider import Encrypted
from bezant.keys.service import KeysService

pytestmark = pytest.mark.catalogue("T88")

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "vectors" / "known_answers.json").read_text())
RFC_9964 = json.loads((HERE.parent / "verify" / "receipts" / "rfc9964-ml-dsa-87.json").read_text())
KEM_CIPHERTEXT_BYTES = 1_568
POINT_BYTES = 97
CLASSICAL = DeclareKey("checkpoint", Purpose.SIGN, KeySpec.ED25519, by="test")
QUANTUM = DeclareKey("checkpoint-post-quantum", Purpose.SIGN, KeySpec.MLDSA87, by="test")
ARCHIVE = DeclareKey("archive", Purpose.SEAL, KeySpec.MLKEM1024P384, by="test")


def raw(spki: bytes) -> bytes:
    public = serialization.load_der_public_key(spki)
    assert isinstance(public, mldsa.MLDSA87PublicKey)
    return public.public_bytes_raw()


@pytest.mark.requirement("S004-4", part="FIPS 204 known answers")
@pytest.mark.parametrize("answer", ANSWERS["ml_dsa_87"], ids=lambda one: one["xi"][:8])
def test_ml_dsa_87_gives_the_known_keys_and_accepts_the_known_signatures(
    answer: dict[str, str],
) -> None:
    _, spki = algorithms.load(KeySpec.MLDSA87, bytes.fromhex(answer["xi"]))
    assert spki is not None
    message, context = bytes.fromhex(answer["message"]), bytes.fromhex(answer["context"])
    signature = base64.b64decode(answer["signature"])
    public = mldsa.MLDSA87PublicKey.from_public_bytes(raw(spki))

    assert hashlib.sha256(raw(spki)).hexdigest() == answer["public_key_sha256"]
    public.verify(signature, message, context)
    with pytest.raises(InvalidSignature):
        public.verify(signature, message + b"\0", context)
    # RFC 9964 wants an empty context: what was signed under another one is not ours.
    assert context
    assert not algorithms.verify(Algorithm.MLDSA87, spki, message, signature)


@pytest.mark.requirement("S004-4", part="FIPS 203 known answers")
@pytest.mark.parametrize("answer", ANSWERS["ml_kem_1024"], ids=lambda one: one["d"][:8])
def test_ml_kem_1024_gives_the_known_keys_and_secrets(answer: dict[str, str]) -> None:
    seed = bytes.fromhex(answer["d"] + answer["z"])
    lattice = mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed)
    public_key = lattice.public_key().public_bytes_raw()

    assert hashlib.sha256(public_key).hexdigest() == answer["public_key_sha256"]
    assert lattice.decapsulate(base64.b64decode(answer["ciphertext"])).hex() == answer["secret"]
    # A ciphertext that was tampered with gives another secret, not an error (implicit rejection).
    wrong = lattice.decapsulate(base64.b64decode(answer["wrong_ciphertext"]))
    assert wrong.hex() == answer["wrong_secret"]
    curve = algorithms.generate(KeySpec.MLKEM1024P384, os.urandom)[64:]
    _, hybrid = algorithms.load(KeySpec.MLKEM1024P384, seed + curve)
    assert hybrid is not None
    assert hybrid[: len(public_key)] == public_key


@pytest.mark.requirement("S004-4", part="RFC 9964 vectors")
def test_the_key_of_rfc_9964_has_the_thumbprint_the_rfc_says_and_signs_what_it_verifies() -> None:
    jwk: dict[str, Any] = RFC_9964["jwk"]
    seed = decoded(jwk["priv"])
    private, spki = algorithms.load(KeySpec.MLDSA87, seed)
    assert spki is not None

    assert raw(spki) == decoded(jwk["pub"])
    assert algorithms.thumbprint(KeySpec.MLDSA87, spki) == jwk["kid"]
    signature = algorithms.sign(Algorithm.MLDSA87, private, b"x")
    assert algorithms.verify(Algorithm.MLDSA87, spki, b"x", signature)
    assert len(signature) == 4_627


def test_an_answer_that_is_not_the_known_one_is_noticed() -> None:
    """The positive control: the comparisons above compare something."""
    answer = ANSWERS["ml_dsa_87"][0]
    _, spki = algorithms.load(KeySpec.MLDSA87, bytes.fromhex(answer["xi"])[::-1])
    assert spki is not None
    assert hashlib.sha256(raw(spki)).hexdigest() != answer["public_key_sha256"]


async def test_a_signature_of_one_kind_is_never_taken_for_the_other(keys: KeysService) -> None:
    """Downgrade: what claims to be post-quantum is checked as such, or refused."""
    await keys.declare(CLASSICAL)
    await keys.declare(QUANTUM)
    classical = await keys.sign(CLASSICAL.name, b"tree 7")
    quantum = await keys.sign(QUANTUM.name, b"tree 7")
    accepted = 0

    for kid in (classical.kid, quantum.kid):
        for algorithm in Algorithm:
            for value in (classical.value, quantum.value, b"", bytes(64), bytes(4_627)):
                forged = Signature(kid, algorithm, value)
                if forged in (classical, quantum):
                    continue
                try:
                    await keys.verify(b"tree 7", forged)
                except BadSignature:
                    continue
                accepted += 1

    assert accepted == 0
    await keys.verify(b"tree 7", classical)
    await keys.verify(b"tree 7", quantum)


@pytest.mark.requirement("S004-4", part="a hybrid needs both halves")
async def test_half_a_hybrid_opens_nothing(keys: KeysService) -> None:
    await keys.declare(ARCHIVE)
    one = await keys.seal(ARCHIVE.name, b"4242", b"row")
    other = await keys.seal(ARCHIVE.name, b"4242", b"row")
    split = KEM_CIPHERTEXT_BYTES
    end = split + POINT_BYTES
    box, second = one.ciphertext, other.ciphertext
    forged = [
        second[:split] + box[split:],  # The lattice half of another one.
        box[:split] + second[split:end] + box[end:],  # The curve half of another one.
        bytes(split) + box[split:],
        box[:split] + bytes(POINT_BYTES) + box[end:],
        box[split:],  # Stripped of the lattice half,
        box[:split] + box[end:],  # and of the curve half.
        box[:end] + second[end:],
    ]
    accepted = 0

    for ciphertext in forged:
        for algorithm in (Algorithm.HPKE, Algorithm.A256GCM):
            try:
                await keys.open(Sealed(1, one.kid, algorithm, b"", ciphertext), b"row")
            except CannotOpen:
                continue
            accepted += 1

    assert accepted == 0
    assert len({box[:end], second[:end]}) == 2
    assert await keys.open(one, b"row") == b"4242"


@pytest.mark.parametrize("half", ["lattice", "curve"])
def test_a_key_with_one_half_replaced_opens_nothing(half: str) -> None:
    material = algorithms.generate(KeySpec.MLKEM1024P384, os.urandom)
    other = algorithms.generate(KeySpec.MLKEM1024P384, os.urandom)
    whole, _ = algorithms.load(KeySpec.MLKEM1024P384, material)
    made = algorithms.encrypt(whole, b"4242", b"row", os.urandom)
    mixed = other[:64] + material[64:] if half == "lattice" else material[:64] + other[64:]
    broken, _ = algorithms.load(KeySpec.MLKEM1024P384, mixed)

    with pytest.raises(CannotOpen):
        algorithms.decrypt(broken, made, b"row")
    with pytest.raises(CannotOpen):
        algorithms.decrypt(whole, Encrypted(made.algorithm, made.iv, made.ciphertext), b"other")
    assert algorithms.decrypt(whole, made, b"row") == b"4242"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""The `pkcs11` provider on a real SoftHSM: every kind of key works, and none can be taken out."""

import asyncio
import os
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pkcs11.constants import Attribute, ObjectClass
from tests.keys.softhsm import LABEL, PIN, SO_PIN, SoftHsm, module

from bezant.keys import (
    ALGORITHM_OF,
    Algorithm,
    CannotOpen,
    KeySpec,
    KeyStoreUnusable,
    Purpose,
    UnsupportedKey,
    algorithms,
    objects,
)
from bezant.keys.birth import TokenExists, make_token, make_token_if_missing
from bezant.keys.pkcs11 import Pkcs11Provider, TokenPlace
from bezant.keys.provider import Encrypted, KeyProvider, KeyRef
from bezant.keys.token import Lent
from bezant.secret import Secret

pytestmark = pytest.mark.system

SIGNING = (KeySpec.RSA3072, KeySpec.P256, KeySpec.ED25519, KeySpec.MLDSA87, KeySpec.HMAC256)
SEALING = (KeySpec.AES256, KeySpec.MLKEM1024P384)
IN_TOKEN = (*SIGNING[:3], KeySpec.HMAC256, KeySpec.AES256)


async def test_it_says_what_it_really_is(token: Pkcs11Provider) -> None:
    provider: KeyProvider = token

    health = await provider.health()

    assert provider.assurance == "softhsm"
    assert health.healthy
    assert "SoftHSM" in health.module
    assert LABEL in health.module
    assert health.certificate == "none"
    assert provider.specs == frozenset(KeySpec)


@pytest.mark.requirement("S000-9", part="SoftHSM by label, through PKCS#11")
@pytest.mark.parametrize("spec", SIGNING)
async def test_a_signature_survives_reopening_and_fits_nothing_else(
    hsm: SoftHsm, token: Pkcs11Provider, tmp_path: Path, spec: KeySpec
) -> None:
    ref = await token.generate(spec, Purpose.SIGN, "receipts")
    other = await token.generate(spec, Purpose.SIGN, "receipts", 2)
    algorithm, message = ALGORITHM_OF[spec], b"paid 20.01 EUR"
    public_key = await token.public_key(ref)

    signature = await token.sign(ref, algorithm, message)
    await token.close()
    again = await Pkcs11Provider.open(hsm.place, tmp_path / "keys")

    assert await again.verify(ref, algorithm, message, signature)
    assert await again.public_key(ref) == public_key
    if public_key is not None:  # And for somebody who has no HSM.
        assert algorithms.verify(algorithm, public_key, message, signature)
    assert not await again.verify(ref, algorithm, b"paid 20.02 EUR", signature)
    assert not await again.verify(other, algorithm, message, signature)
    assert not await again.verify(ref, algorithm, message, signature[:-1])
    assert not await again.verify(ref, algorithm, message, bytes(len(signature)))
    await again.close()


@pytest.mark.requirement("S000-4", part="tokens are sealed by the HSM's AES key")
@pytest.mark.parametrize("spec", SEALING)
async def test_what_is_encrypted_opens_only_whole_and_where_it_belongs(
    token: Pkcs11Provider, spec: KeySpec
) -> None:
    ref = await token.generate(spec, Purpose.SEAL, "tokens")
    other = await token.generate(spec, Purpose.SEAL, "tokens", 2)

    made = await token.encrypt(ref, b"4242", b"token 7")
    nothing = await token.encrypt(ref, b"", b"")

    assert await token.decrypt(ref, made, b"token 7") == b"4242"
    assert await token.decrypt(ref, nothing, b"") == b""
    flipped = bytes([made.ciphertext[0] ^ 1]) + made.ciphertext[1:]
    for wrong_ref, encrypted, bound_to in (
        (ref, made, b"token 8"),
        (ref, made, b""),
        (other, made, b"token 7"),
        (ref, Encrypted(made.algorithm, made.iv, flipped), b"token 7"),
        (ref, Encrypted(made.algorithm, made.iv, made.ciphertext[:-1]), b"token 7"),
        (ref, Encrypted(made.algorithm, made.iv, b""), b"token 7"),
        (ref, Encrypted(made.algorithm, b"x" * 12, made.ciphertext), b"token 7"),
        (ref, Encrypted(made.algorithm, b"x", made.ciphertext), b"token 7"),
        (ref, Encrypted(Algorithm.ES256, made.iv, made.ciphertext), b"token 7"),
    ):
        with pytest.raises(CannotOpen) as refusal:
            await token.decrypt(wrong_ref, encrypted, bound_to)
        assert str(refusal.value) == "This cannot be opened."
    assert await token.decrypt(ref, made, b"token 7") == b"4242"


async def test_a_wrapped_key_comes_back_only_for_its_own_name(token: Pkcs11Provider) -> None:
    ref = await token.generate(KeySpec.AES256, Purpose.WRAP, "key-encryption")
    key = Secret(os.urandom(32))

    wrapped = await token.wrap(ref, key, b"key 1")

    assert (await token.unwrap(ref, wrapped, b"key 1")).reveal() == key.reveal()
    assert key.reveal() not in wrapped
    with pytest.raises(CannotOpen):
        await token.unwrap(ref, wrapped, b"key 2")


@pytest.mark.requirement("S000-9", part="payment-signing-key 01 and payment-encryption-key 02")
async def test_the_named_keys_have_their_ids_and_later_versions_their_labels(
    token: Pkcs11Provider,
) -> None:
    signing = await token.generate(KeySpec.RSA3072, Purpose.SIGN, "payment-signing-key", 1)
    sealing = await token.generate(KeySpec.AES256, Purpose.SEAL, "payment-encryption-key", 1)
    rotated = await token.generate(KeySpec.AES256, Purpose.SEAL, "payment-encryption-key", 2)

    named = await token._run(in_token)

    assert ("PRIVATE_KEY", "payment-signing-key", "01") in named
    assert ("SECRET_KEY", "payment-encryption-key", "02") in named
    assert signing.name == "payment-signing-key:01"
    assert sealing.name == "payment-encryption-key:02"
    label, _, ident = rotated.name.partition(":")
    assert label == "payment-encryption-key"
    assert len(ident) == 32
    assert ("SECRET_KEY", label, ident) in named


async def test_a_key_the_operator_made_under_a_known_id_is_taken_over_once(
    token: Pkcs11Provider,
) -> None:
    kind = objects.KINDS[KeySpec.AES256]
    await token._run(lambda lent: objects.make(lent, kind, "payment-encryption-key", b"\x02"))

    first = await token.generate(KeySpec.AES256, Purpose.SEAL, "payment-encryption-key", 1)
    second = await token.generate(KeySpec.AES256, Purpose.SEAL, "payment-encryption-key", 2)

    labels = [one for one in await token._run(in_token) if one[1] == "payment-encryption-key"]
    assert first.name == "payment-encryption-key:02"
    assert second.name != first.name
    assert len(labels) == 2


async def test_two_keys_with_one_name_are_refused_rather_than_mixed_up(
    token: Pkcs11Provider,
) -> None:
    kind = objects.KINDS[KeySpec.P256]
    for _ in range(2):
        await token._run(lambda lent: make_quietly(lent, kind))

    with pytest.raises(KeyStoreUnusable, match="two keys"):
        await token.sign(KeyRef("pkcs11", "twice:07", KeySpec.P256), Algorithm.ES256, b"x")


@pytest.mark.catalogue("T82")
@pytest.mark.parametrize("spec", IN_TOKEN)
async def test_no_key_can_be_taken_out_of_the_token(
    hsm: SoftHsm, token: Pkcs11Provider, spec: KeySpec
) -> None:
    ref = await token.generate(spec, Purpose.SIGN, "kept")
    attested = await token.attest(ref)

    refusals = await token._run(lambda lent: tries_to_take_out(lent, spec))

    assert attested.made_here
    assert not attested.extractable
    assert refusals
    assert set(refusals) <= {
        "AttributeSensitive", "KeyUnextractable", "AttributeTypeInvalid", "KeyNotWrappable",
        "AttributeReadOnly",
    }  # fmt: skip


async def test_the_search_for_key_bytes_would_find_them(
    hsm: SoftHsm, token: Pkcs11Provider
) -> None:
    """The positive control of the test above: a key that may leave is found."""
    value = os.urandom(32)

    def bring(lent: Lent) -> bytes:
        lent.session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: pkcs11.KeyType.AES,
                Attribute.TOKEN: True,
                Attribute.LABEL: "open",
                Attribute.ID: b"\x09",
                Attribute.SENSITIVE: False,
                Attribute.EXTRACTABLE: True,
                Attribute.ENCRYPT: True,
                Attribute.DECRYPT: True,
                Attribute.VALUE: value,
            }
        )
        (key,) = lent.session.get_objects({Attribute.LABEL: "open"})
        return bytes(key[Attribute.VALUE])

    assert await token._run(bring) == value
    attested = await token.attest(KeyRef("pkcs11", "open:09", KeySpec.AES256))
    assert attested.extractable
    assert not attested.made_here


@pytest.mark.requirement("S004-4", part="post-quantum seeds sealed by the HSM")
@pytest.mark.parametrize("spec", [KeySpec.MLDSA87, KeySpec.MLKEM1024P384])
async def test_a_seed_lies_sealed_and_is_worth_nothing_without_its_token(
    hsm: SoftHsm, token: Pkcs11Provider, tmp_path: Path, spec: KeySpec
) -> None:
    ref = await token.generate(spec, Purpose.SIGN, "post-quantum")
    path = tmp_path / "keys" / f"{ref.name}.seed"
    stored = path.read_bytes()
    attested = await token.attest(ref)
    await token.close()

    hsm.make_token("another")
    other = await Pkcs11Provider.open(
        TokenPlace(module(), "another", Secret(PIN)), tmp_path / "keys"
    )
    with pytest.raises(CannotOpen):
        await other.public_key(ref)
    await other.close()

    again = await Pkcs11Provider.open(hsm.place, tmp_path / "keys")
    material = algorithms.generate(spec, os.urandom)
    assert len(stored) == len(material) + 12 + 16
    assert path.stat().st_mode & 0o777 == 0o600
    assert attested.extractable
    assert await again.public_key(ref) is not None
    swapped = await again.generate(spec, Purpose.SIGN, "post-quantum")
    path.write_bytes((tmp_path / "keys" / f"{swapped.name}.seed").read_bytes())
    await again.close()
    third = await Pkcs11Provider.open(hsm.place, tmp_path / "keys")
    with pytest.raises(CannotOpen):
        await third.public_key(ref)
    await third.close()


async def test_what_a_token_cannot_do_is_refused_before_a_key_is_made(
    token: Pkcs11Provider,
) -> None:
    token.specs -= {KeySpec.ED25519}
    before = (await token.health()).keys

    with pytest.raises(UnsupportedKey):
        await token.generate(KeySpec.ED25519, Purpose.SIGN, "log")

    assert (await token.health()).keys == before


async def test_a_key_that_is_destroyed_is_gone_and_the_others_stay(
    token: Pkcs11Provider,
) -> None:
    first = await token.generate(KeySpec.P256, Purpose.SIGN, "receipts", 1)
    second = await token.generate(KeySpec.P256, Purpose.SIGN, "receipts", 2)
    await token.sign(first, Algorithm.ES256, b"x")

    await token.destroy(first)
    await token.destroy(first)

    with pytest.raises(KeyStoreUnusable):
        await token.sign(first, Algorithm.ES256, b"x")
    assert await token.verify(
        second, Algorithm.ES256, b"x", await token.sign(second, Algorithm.ES256, b"x")
    )


@pytest.mark.requirement("S000-9", part="the token is made with its PINs")
async def test_a_token_is_made_once_and_never_over_one_that_exists(
    bare_hsm: SoftHsm, tmp_path: Path
) -> None:
    so_pin = Secret(SO_PIN)
    with pytest.raises(KeyStoreUnusable, match="there is no token payment-hsm"):
        await Pkcs11Provider.open(bare_hsm.place, tmp_path / "keys")

    await make_token(bare_hsm.place, so_pin)
    provider = await Pkcs11Provider.open(bare_hsm.place, tmp_path / "keys")
    ref = await provider.generate(KeySpec.AES256, Purpose.SEAL, "tokens")
    await provider.close()
    with pytest.raises(TokenExists):
        await make_token(bare_hsm.place, so_pin)
    await make_token_if_missing(bare_hsm.place, so_pin)

    shown = bare_hsm.util("--show-slots")
    assert f"Label:            {LABEL}" in shown
    again = await Pkcs11Provider.open(bare_hsm.place, tmp_path / "keys")
    assert (await again.attest(ref)).made_here
    await again.close()


async def test_of_two_tokens_with_one_label_the_serial_number_decides(
    hsm: SoftHsm, tmp_path: Path
) -> None:
    hsm.make_token()
    with pytest.raises(KeyStoreUnusable, match="PKCS11_TOKEN_SERIAL"):
        await Pkcs11Provider.open(hsm.place, tmp_path / "keys")
    lines = [line.split(":", 1) for line in hsm.util("--show-slots").splitlines() if ":" in line]
    serials = [value.strip() for name, value in lines if "Serial" in name and value.strip()]

    for serial in serials:
        place = TokenPlace(module(), LABEL, Secret(PIN), serial)
        provider = await Pkcs11Provider.open(place, tmp_path / "keys")
        assert serial in (await provider.health()).module
        await provider.close()
    assert len(serials) == 2


async def test_many_threads_use_one_token_without_a_fault(
    token: Pkcs11Provider,
) -> None:
    """python-pkcs11 begins a module as if for one thread; SoftHSM then faults, often fatally."""
    signing = [await token.generate(KeySpec.P256, Purpose.SIGN, f"key-{at}") for at in range(4)]
    sealing = await token.generate(KeySpec.AES256, Purpose.SEAL, "seal")

    async def round_trip(turn: int) -> bool:
        ref = signing[turn % 4]
        message = str(turn).encode()
        signature = await token.sign(ref, Algorithm.ES256, message)
        made = await token.encrypt(sealing, message, message)
        assert await token.decrypt(sealing, made, message) == message
        return await token.verify(ref, Algorithm.ES256, message, signature)

    answers = await asyncio.gather(*(round_trip(turn) for turn in range(400)))

    assert answers == [True] * 400


def in_token(lent: Lent) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for one in lent.session.get_objects():
        of = ObjectClass(one[Attribute.CLASS]).name
        found.append((of, str(one[Attribute.LABEL]), bytes(one[Attribute.ID]).hex()))
    return found


def make_quietly(lent: Lent, kind: objects.Kind) -> None:
    lent.objects.clear()
    try:
        objects.make(lent, kind, "twice", b"\x07")
    except KeyStoreUnusable:
        return


def tries_to_take_out(lent: Lent, spec: KeySpec) -> list[str]:
    """Read the bytes, wrap them out, and loosen the key; return how each was refused."""
    kind = objects.KINDS[spec]
    of = ObjectClass.PRIVATE_KEY if kind.paired else ObjectClass.SECRET_KEY
    (key,) = lent.session.get_objects({Attribute.LABEL: "kept", Attribute.CLASS: of})
    wrapping = lent.session.generate_key(
        pkcs11.KeyType.AES, 256, store=False, capabilities=pkcs11.MechanismFlag.WRAP
    )
    secret = Attribute.PRIVATE_EXPONENT if spec is KeySpec.RSA3072 else Attribute.VALUE
    refused: list[str] = []

    def loosen() -> object:
        key[Attribute.EXTRACTABLE] = True
        return key

    for attempt in (lambda: key[secret], lambda: wrapping.wrap_key(key), loosen):
        try:
            taken = attempt()
        except pkcs11.PKCS11Error as error:
            refused.append(type(error).__name__)
        else:
            raise AssertionError(f"{spec} was taken out: {taken!r}")
    assert len(refused) == 3
    return refused


def test_the_ciphertext_is_ordinary_aes_gcm() -> None:
    """What a token sealed can be opened by anything that has the key: nothing is our own here."""
    key, iv = os.urandom(32), os.urandom(12)
    made = AESGCM(key).encrypt(iv, b"x", b"y")
    assert algorithms.decrypt(key, Encrypted(Algorithm.A256GCM, iv, made), b"y") == b"x"

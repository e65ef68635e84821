"""A certificate of our authority opens what its partner may do, until it ends or is revoked."""

import asyncio
from contextvars import Context
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from tests.identity.provider.stand import Stand
from tests.identity.signed.conftest import Desk, Partners
from tests.identity.signed.partner import Partner

from bezant.clock import MovableClock
from bezant.db.database import Tx
from bezant.identity.signed.requests import AUTHORITY_KEY
from bezant.identity.signer import (
    IssueCertificate,
    MalformedRequestForCertificate,
    MalformedSigner,
    RevokeCertificate,
    RevokeSigner,
    Signer,
    SignerEnded,
    UnknownSigner,
)
from bezant.identity.store import signer as store
from bezant.identity.store.signer import CertificateRow
from bezant.keys.port import RotateKey

pytestmark = pytest.mark.requirement("S001-7", part="client certificates")


@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "rsa-pss-sha512"])
async def test_a_certificate_is_its_partners(
    desk: Desk, partners: Partners, clock: MovableClock, algorithm: str
) -> None:
    partner = await partners(algorithm)
    made = await desk.certified(partner)
    answer = await desk.shown(made.certificate)
    assert answer.status_code == 200, answer.text
    # Who else knows certificates reads it the same way.
    leaf = x509.load_pem_x509_certificate(made.certificate.encode())
    root = x509.load_pem_x509_certificate(made.authority.encode())
    leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    store = verification.Store([root])
    policy = verification.PolicyBuilder().store(store).time(clock.now())
    client = policy.build_client_verifier().verify(leaf, [])
    assert client.subjects == [x509.UniformResourceIdentifier(f"urn:bezant:signer:{partner.id}")]
    assert f"{leaf.serial_number:x}" == made.serial
    assert leaf.not_valid_after_utc - clock.now() == timedelta(days=30)


async def test_certificates_of_others_open_nothing(
    desk: Desk, partners: Partners, clock: MovableClock
) -> None:
    partner = await partners("ecdsa-p256-sha256")
    made = await desk.certified(partner)
    right = x509.load_pem_x509_certificate(made.certificate.encode())
    root = x509.load_pem_x509_certificate(made.authority.encode())
    key = ec.generate_private_key(ec.SECP256R1())

    def forged(builder: x509.CertificateBuilder, by: ec.EllipticCurvePrivateKey = key) -> str:
        return builder.sign(by, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM
        ).decode()  # fmt: skip

    def like(issuer: x509.Name, serial: int) -> x509.CertificateBuilder:
        builder = (
            x509.CertificateBuilder()
            .subject_name(right.subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(clock.now() - timedelta(days=1))
            .not_valid_after(clock.now() + timedelta(days=1))
        )
        for one in right.extensions:
            builder = builder.add_extension(one.value, one.critical)
        return builder

    der = bytearray(right.public_bytes(serialization.Encoding.DER))
    der[-3] ^= 1
    refused = {
        "made by a stranger": forged(like(root.subject, right.serial_number)),
        "made by itself": forged(like(right.subject, right.serial_number)),
        "another number": forged(like(root.subject, 7)),
        "the authority's own": made.authority,
    }
    answers = {name: (await desk.shown(text)).status_code for name, text in refused.items()}
    import base64

    desk.stand.callers.forget("")
    bent = await desk.get({"client-cert": f":{base64.b64encode(bytes(der)).decode()}:"}, "/v1/keys")
    nothing = await desk.get({"client-cert": ":AAAA:"}, "/v1/keys")
    assert {*answers.values(), bent.status_code, nothing.status_code} == {401}
    assert (await desk.shown(made.certificate)).status_code == 200


async def test_nobody_gets_a_certificate_for_a_key_they_do_not_have(
    desk: Desk, partners: Partners, clock: MovableClock, stand: Stand
) -> None:
    partner, other = await partners("ecdsa-p256-sha256"), Partner(clock, "ecdsa-p256-sha256")
    edwards = await partners("ed25519")
    text = partner.request()
    for signer, request in (
        (partner, other.request()),
        (partner, text.replace("M", "N", 1)),
        (partner, ""),
        (partner, "x" * 9_000),
        (edwards, edwards.request()),
    ):
        with pytest.raises(MalformedRequestForCertificate):
            await stand.service.issue_certificate(
                IssueCertificate(desk.admin, stand.merchant.id, signer.id, request)
            )
    stranger = await stand.make.actor((await stand.make.merchant("Other")).id)
    with pytest.raises(UnknownSigner):
        await stand.service.issue_certificate(
            IssueCertificate(stranger, stranger.tenant, partner.id, text)
        )


async def test_a_revoked_certificate_is_refused_and_listed(
    desk: Desk, partners: Partners, clock: MovableClock, stand: Stand
) -> None:
    partner = await partners("ecdsa-p256-sha256")
    first, second = await desk.certified(partner), await desk.certified(partner)
    merchant = stand.merchant.id
    await stand.service.revoke_certificate(
        RevokeCertificate(desk.admin, merchant, partner.id, first.serial)
    )
    after = [(await desk.shown(one.certificate)).status_code for one in (first, second)]
    root = x509.load_pem_x509_certificate(first.authority.encode())
    listed = x509.load_der_x509_crl(await stand.service.revoked_partners())
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert listed.is_signature_valid(key)
    assert listed.issuer == root.subject
    assert [f"{one.serial_number:x}" for one in listed] == [first.serial]
    assert after == [401, 200]
    await stand.service.revoke_signer(RevokeSigner(desk.admin, merchant, partner.id))
    assert (await desk.shown(second.certificate)).status_code == 401
    with pytest.raises(SignerEnded):
        await desk.certified(partner)
    answer = await stand.client.get("/.well-known/partner-authority.crl")
    assert len(list(x509.load_der_x509_crl(answer.content))) == 2


async def test_a_certificate_made_while_its_signer_is_revoked_is_listed_or_not_made(
    desk: Desk, partners: Partners, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = await partners("ecdsa-p256-sha256")
    first = await desk.certified(partner)
    revoking: list[asyncio.Task[Signer]] = []
    add = store.add_certificate

    async def meanwhile(tx: Tx, row: CertificateRow) -> None:
        command = RevokeSigner(desk.admin, stand.merchant.id, partner.id)
        revoke = stand.service.revoke_signer(command)
        revoking.append(asyncio.create_task(revoke, context=Context()))  # Another request.
        await asyncio.wait(revoking, timeout=0.5)  # It waits for us, or is over before us.
        await add(tx, row)

    monkeypatch.setattr(store, "add_certificate", meanwhile)
    second = await desk.certified(partner)
    await revoking[0]
    listed = x509.load_der_x509_crl(await stand.service.revoked_partners())
    assert {f"{one.serial_number:x}" for one in listed} == {first.serial, second.serial}


async def test_a_key_that_would_keep_us_busy_is_refused(desk: Desk, clock: MovableClock) -> None:
    partner = Partner(clock, "rsa-pss-sha512")
    for bits, taken in ((4_096, True), (8_200, False), (16_384, False)):
        numbers = rsa.RSAPublicNumbers(65_537, (1 << (bits - 1)) | 1)
        partner.key = _Public(numbers.public_key())  # pyright: ignore[reportAttributeAccessIssue]
        if taken:
            await desk.register(partner)
        else:
            with pytest.raises(MalformedSigner):
                await desk.register(partner)


class _Public:
    """A key whose private half nobody has."""

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        self._key = key

    def public_key(self) -> rsa.RSAPublicKey:
        return self._key


async def test_a_certificate_ends_and_the_authoritys_key_may_change(
    desk: Desk, partners: Partners, clock: MovableClock, stand: Stand
) -> None:
    partner = await partners("ecdsa-p256-sha256")
    first = await desk.certified(partner)
    await stand.keys.rotate(RotateKey(AUTHORITY_KEY, by="test"))
    second = await desk.certified(partner)
    assert first.authority != second.authority
    for one in (first, second):
        assert (await desk.shown(one.certificate)).status_code == 200
    told = await stand.client.get("/.well-known/partner-authority.pem")
    assert told.text == second.authority + first.authority
    clock.move(timedelta(days=31))
    assert (await desk.shown(second.certificate)).status_code == 401


async def test_a_certificate_beside_another_credential_is_only_what_it_was_before(
    desk: Desk, partners: Partners
) -> None:
    made = await desk.certified(await partners("ecdsa-p256-sha256"))
    answer = await desk.shown(made.certificate, authorization="Bearer nobody")
    assert answer.status_code == 401

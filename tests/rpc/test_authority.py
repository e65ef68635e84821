"""Certificates are issued, renewed before they end, taken back; and nobody restarts for it."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.rpc.conftest import Installation
from tests.rpc.sample import Wish

from bezant.clock import MovableClock
from bezant.rpc import authority as authority_room
from bezant.rpc.authority import Authority
from bezant.rpc.papers import BadPapers, FolderIssuer, holder_of, read_papers

pytestmark = pytest.mark.requirement("S001-5", "S002-7", part="rpc")

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(START)


@pytest.fixture
def authority(tmp_path: Path, clock: MovableClock) -> Authority:
    return Authority(tmp_path, "shop", clock)


def certificates(path: Path) -> list[x509.Certificate]:
    pem = path.read_bytes()
    return x509.load_pem_x509_certificates(pem[pem.index(b"-----BEGIN CERT") :])


def test_a_certificate_names_its_module_for_thirty_days(authority: Authority):
    leaf, issuing = certificates(authority.issue("rule_engine") / "identity.pem")

    holder = holder_of(leaf)
    assert holder is not None
    assert (holder.installation, holder.module) == ("shop", "rule_engine")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["rule-engine.bezant.internal"]
    assert leaf.not_valid_after_utc == START + timedelta(days=30)
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(uses) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    limits = issuing.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    leaf.verify_directly_issued_by(issuing)


def test_the_chain_ends_at_the_root(authority: Authority, tmp_path: Path):
    issuing = certificates(authority.issue("ledger") / "identity.pem")[1]
    (root,) = certificates(tmp_path / "authority/root.pem")
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


def test_nobody_else_on_the_machine_may_read_the_keys(authority: Authority, tmp_path: Path):
    authority.issue("ledger")
    for path in tmp_path.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        elif path.suffix == ".key" or path.name == "identity.pem":
            assert mode == 0o600, path


def test_a_key_that_others_may_read_is_refused(authority: Authority):
    folder = authority.issue("ledger")
    assert read_papers(folder).module == "ledger"
    (folder / "identity.pem").chmod(0o640)
    with pytest.raises(BadPapers):
        read_papers(folder)


def test_a_certificate_is_kept_until_ten_days_before_its_end(
    authority: Authority, clock: MovableClock
):
    first = read_papers(authority.issue("ledger"))
    clock.move(timedelta(days=20))
    assert authority.renew() == ()
    assert read_papers(authority.issue("ledger")) == first

    clock.move(timedelta(seconds=1))

    assert authority.renew() == ("ledger",)
    folder = authority.issue("ledger")
    assert read_papers(folder).expires_at == clock.now() + timedelta(days=30)
    assert read_papers(folder).chain != first.chain


def test_whoever_reads_the_papers_sees_the_new_ones_at_once(
    authority: Authority, clock: MovableClock
):
    issuer = FolderIssuer(authority.issue("ledger"))
    first = issuer.papers()
    assert issuer.papers() is first

    clock.move(timedelta(days=21))
    authority.renew()

    assert issuer.papers().expires_at > first.expires_at
    assert issuer.papers() is issuer.papers()


def test_papers_that_cannot_be_read_leave_the_last_good_ones(authority: Authority):
    folder = authority.issue("ledger")
    issuer = FolderIssuer(folder)
    first = issuer.papers()
    (folder / "trust.pem").unlink()
    assert issuer.papers() is first
    (folder / "trust.pem").write_bytes(first.trust)
    (folder / "revoked.txt").write_text("not a number\n")
    assert issuer.papers() is first
    (folder / "revoked.txt").write_text("abc\n")
    assert issuer.papers().revoked == frozenset({0xABC})


def test_the_issuing_certificate_is_replaced_in_time_and_the_old_one_stays_believed(
    authority: Authority, clock: MovableClock
):
    folder = authority.issue("ledger")
    first = certificates(folder / "trust.pem")
    assert len(first) == 1
    clock.move(timedelta(days=326))

    assert authority.renew() == ("ledger",)

    assert set(certificates(folder / "trust.pem")) > set(first)
    clock.move(timedelta(days=31))
    authority.renew()
    assert not set(certificates(folder / "trust.pem")) & set(first)


def test_revoking_takes_back_every_certificate_of_a_module(
    authority: Authority, clock: MovableClock
):
    other = authority.issue("payments")
    serials = {certificates(authority.issue("ledger") / "identity.pem")[0].serial_number}
    clock.move(timedelta(days=21))
    authority.renew()
    serials.add(certificates(authority.issue("ledger") / "identity.pem")[0].serial_number)
    before = read_papers(other)

    assert set(authority.revoke("ledger")) == serials

    assert len(serials) == 2
    after = read_papers(other)
    assert after.revoked == frozenset(serials)
    assert after.chain != before.chain
    again = certificates(authority.issue("ledger") / "identity.pem")[0]
    assert again.serial_number not in serials


def test_what_was_issued_before_a_revocation_is_believed_for_a_minute(
    authority: Authority, clock: MovableClock
):
    folder = authority.issue("payments")
    (old,) = certificates(folder / "trust.pem")
    authority.issue("ledger")
    authority.revoke("ledger")
    assert old in certificates(folder / "trust.pem")

    clock.move(timedelta(seconds=authority_room.OVERLAP_SECONDS + 1))
    authority.renew()

    assert old not in certificates(folder / "trust.pem")


def test_a_folder_of_another_installation_is_not_mistaken_for_ours(
    tmp_path: Path, clock: MovableClock
):
    folder = Authority(tmp_path, "one", clock).issue("ledger")
    first = read_papers(folder)
    assert first.installation == "one"
    Authority(tmp_path, "two", clock).issue("ledger")
    assert read_papers(folder).installation == "two"


@pytest.mark.parametrize("event", ["renewed", "revoked"])
async def test_calls_go_on_while_papers_change(
    installation: Installation, tmp_path: Path, event: str
):
    """No restart on either side; every call is answered."""
    now = datetime.now(UTC)
    if event == "renewed":
        installation.authority = Authority(tmp_path, "test", MovableClock(now - timedelta(days=21)))
    await installation.listen()
    sample = installation.far()
    assert await sample.wish(Wish("before")) == "before"
    shown = read_papers(tmp_path / "modules/sample").chain

    if event == "renewed":
        installation.authority = Authority(tmp_path, "test", MovableClock(now))
        assert set(installation.authority.renew()) == {"payments", "sample"}
    else:
        installation.authority.issue("wallets")
        installation.authority.revoke("wallets")

    assert read_papers(tmp_path / "modules/sample").chain != shown
    for _ in range(20):
        assert await sample.wish(Wish("after")) == "after"
    assert await installation.far().wish(Wish("new")) == "new"

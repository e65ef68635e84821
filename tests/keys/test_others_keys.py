"""A key is worked with by the module that declared it: near, and between processes."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, Cluster, TestDatabase
from tests.keys.conftest import OpenKeys

from bezant.clock import RealClock
from bezant.db.migrate import migrate
from bezant.db.schema import PACKAGE
from bezant.errors import Forbidden
from bezant.keys import (
    CannotOpen,
    DeclareKey,
    KeyOfAnother,
    Keys,
    KeySpec,
    Purpose,
    Sealed,
    ShredKeys,
    Use,
)
from bezant.keys.access import AccessesOf, Outcome
from bezant.keys.service import KeysService
from bezant.rpc.authority import Authority
from bezant.rpc.channel import Channel
from bezant.rpc.far import far
from bezant.rpc.near import near
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.serve import Server, serve
from bezant.schemas import SCHEMAS
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S004-5", part="no module works with another module's keys")

SIGNING = DeclareKey("receipt-signing", Purpose.SIGN, KeySpec.P256, by="receipts")
HASHES = DeclareKey("receipt-link", Purpose.MAC, KeySpec.HMAC256, by="receipts")
PROFILES = DeclareKey("profiles", Purpose.SEAL, KeySpec.AES256, by="people", wrapped=True)
OWNER = "usr_1"
As = Callable[[str], Keys]


@pytest.fixture(params=["near", "far"])
async def known_to(
    request: pytest.FixtureRequest, keys: KeysService, tmp_path: Path
) -> AsyncIterator[As]:
    """Return the key room as a module knows it: beside it, or behind its certificate."""
    if request.param == "near":
        yield lambda module: near(Keys, keys, caller=module)
        return
    authority = Authority(tmp_path / "pki", "test", RealClock())
    async with AsyncExitStack() as closing:
        server = Server(FolderIssuer(authority.issue("keys")), RealClock())
        serve(server, Keys, keys)
        address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
        closing.push_async_callback(server.stop, 0)

        def called_by(module: str) -> Keys:
            channel = Channel(address, "keys", FolderIssuer(authority.issue(module)))
            closing.push_async_callback(channel.close)
            return far(Keys, channel)

        yield called_by


async def test_a_module_does_everything_with_keys_of_its_own(known_to: As) -> None:
    receipts, people = known_to("receipts"), known_to("people")
    for command in (SIGNING, HASHES):
        await receipts.declare(command)
    await people.declare(PROFILES)

    signature = await receipts.sign(SIGNING.name, b"x")
    await receipts.verify(b"x", signature)
    assert await receipts.macs(HASHES.name, b"x") == await receipts.macs(HASHES.name, b"x")
    for sealed in (
        await people.seal(PROFILES.name, b"a name", b"row"),
        await people.seal_for(PROFILES.name, OWNER, b"a name", b"row"),
    ):
        assert await people.open(sealed, b"row") == b"a name"
    assert await people.shred(ShredKeys(PROFILES.name, OWNER, "test", "asked")) == 1


async def test_another_module_does_nothing_with_them(known_to: As) -> None:
    receipts, people, vault = (known_to(name) for name in ("receipts", "people", "vault"))
    for command in (SIGNING, HASHES):
        await receipts.declare(command)
    await people.declare(PROFILES)
    sealed = await people.seal(PROFILES.name, b"a name", b"row")
    of_owner = await people.seal_for(PROFILES.name, OWNER, b"a name", b"row")

    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: vault.sign(SIGNING.name, b"x"),
        lambda: vault.macs(HASHES.name, b"x"),
        lambda: vault.seal(PROFILES.name, b"x", b""),
        lambda: vault.seal_for(PROFILES.name, OWNER, b"x", b""),
        lambda: vault.open(sealed, b"row"),
        lambda: vault.open(of_owner, b"row"),
        lambda: vault.declare(SIGNING),
        # Nor does it pass off a key as its own, or make one in another's name.
        lambda: vault.declare(DeclareKey(SIGNING.name, SIGNING.purpose, SIGNING.spec, by="vault")),
        lambda: vault.declare(DeclareKey("new", SIGNING.purpose, SIGNING.spec, by="receipts")),
        lambda: receipts.open(of_owner, b"row"),
    ]
    for attempt in attempts:
        with pytest.raises(KeyOfAnother):
            await attempt()
    with pytest.raises(Forbidden):
        await vault.shred(ShredKeys(PROFILES.name, OWNER, "vault", "for fun"))

    assert await people.open(of_owner, b"row") == b"a name"
    # What is public is for all: whoever verifies need not be whoever signs.
    assert await vault.public_keys(SIGNING.name)
    await vault.verify(b"x", await receipts.sign(SIGNING.name, b"x"))


async def test_a_kid_that_somebody_made_up_says_the_same_to_all(known_to: As) -> None:
    vault, people = known_to("vault"), known_to("people")
    await people.declare(PROFILES)
    sealed = await people.seal(PROFILES.name, b"a name", b"row")
    made_up = Sealed(1, "nothing-v1-abcdefghij", sealed.algorithm, sealed.iv, sealed.ciphertext)
    for keys in (vault, people):
        with pytest.raises(CannotOpen):
            await keys.open(made_up, b"row")


async def test_an_attempt_is_a_refused_line_of_the_access_log(keys: KeysService) -> None:
    await keys.declare(SIGNING)
    with pytest.raises(KeyOfAnother):
        await near(Keys, keys, caller="vault").sign(SIGNING.name, b"x")
    await keys.access_log.write()

    (line,) = (await keys.accesses(AccessesOf(outcome=Outcome.REFUSED))).accesses
    assert (line.caller, line.use, line.times) == ("vault", Use.SIGN, 1)


async def test_the_keepers_may_work_with_every_key(keys: KeysService) -> None:
    """The gateway's process keeps modules; the operator keeps the house."""
    for keeper in ("gateway", "operator"):
        room = near(Keys, keys, caller=keeper)
        await room.declare(SIGNING)
        await room.sign(SIGNING.name, b"x")
    await keys.access_log.write()

    used = (await keys.accesses(AccessesOf(use=Use.SIGN))).accesses
    assert {(one.caller, one.outcome) for one in used} == {
        ("gateway", Outcome.DONE), ("operator", Outcome.DONE),
    }  # fmt: skip


async def test_whose_a_key_is_does_not_change(
    open_keys: OpenKeys, keys_database: TestDatabase
) -> None:
    await (await open_keys()).declare(SIGNING)
    with (
        psycopg.connect(keys_database.module_dsn("keys")) as own,
        pytest.raises(psycopg.errors.CheckViolation, match="belongs to receipts"),
    ):
        own.execute(
            "UPDATE keys.logical_key SET declared_by = 'vault' WHERE name = 'receipt-signing'"
        )


def test_keys_of_earlier_releases_belong_to_whoever_declared_them(
    cluster: Cluster, tmp_path: Path
) -> None:
    (now,) = (one for one in SCHEMAS if one.module == "keys")
    for path in sorted((PACKAGE / "keys" / "migrations").glob("*.sql"))[:2]:
        shutil.copy(path, tmp_path)
    passwords = {"keys": Secret(MODULE_PASSWORD)}
    with cluster.fresh() as database:
        admin = database.administrator_dsn
        cluster.run(migrate(admin, [replace(now, folder=tmp_path)], passwords))
        with psycopg.connect(admin) as earlier:
            earlier.execute(EARLIER)
        cluster.run(migrate(admin, [now], passwords))
        with psycopg.connect(admin) as later:
            found = later.execute("SELECT name, declared_by FROM keys.logical_key").fetchall()
    assert sorted(found) == [("never-made", ""), ("receipt-signing", "receipts")]


EARLIER = """
    INSERT INTO keys.logical_key (name, purpose, spec, wrapped, created_at)
    VALUES
    ('receipt-signing', 'sign', 'P256', FALSE, now()),
    ('never-made', 'mac', 'HMAC256', FALSE, now());
    INSERT INTO keys.key_version (
        kid, name, version, provider, provider_ref, created_at, changed_at
    )
    VALUES ('receipt-signing-v1-abcdefghij', 'receipt-signing', 1, 'file', 'a', now(), now());
    INSERT INTO keys.key_transition (kid, state_before, state_after, made_by, reason, occurred_at)
    VALUES
    ('receipt-signing-v1-abcdefghij', NULL, 'pending', 'receipts', 'declared', now()),
    ('receipt-signing-v1-abcdefghij', 'pending', 'active', 'operator', 'again', now())
"""
"""One key that was declared and begun, and one whose declaration a crash cut short."""

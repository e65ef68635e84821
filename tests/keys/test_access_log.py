"""Who used which key: every use is counted, by its caller, and a refused PIN is an alarm."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.rpc.conftest import Installation, installation

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.clock import MovableClock, RealClock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.errors import Forbidden
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.http.serve import Listening, Serving
from bezant.ids import Ids
from bezant.keys import (
    AccessesOf,
    CannotOpen,
    DeclareKey,
    Keys,
    KeySpec,
    Outcome,
    Purpose,
    Sealed,
    Use,
)
from bezant.keys.file import FileProvider
from bezant.keys.gathering import Accesses, AccessLog
from bezant.keys.http import routes
from bezant.keys.service import KeysService
from bezant.keys.telling import Telling
from bezant.rpc.channel import Channel
from bezant.rpc.far import far
from bezant.rpc.near import near
from bezant.rpc.serve import Server, serve
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

__all__ = ["installation"]

RECEIPTS = DeclareKey("receipt-signing", Purpose.SIGN, KeySpec.P256, by="receipts")
TOKENS = DeclareKey("vault-token", Purpose.SEAL, KeySpec.AES256, by="vault", wrapped=True)
LATTICE = DeclareKey("lattice", Purpose.SIGN, KeySpec.MLDSA87, by="test")
HYBRID = DeclareKey("hybrid", Purpose.SEAL, KeySpec.MLKEM1024P384, by="test")
HASHES = DeclareKey("api-key-hash", Purpose.MAC, KeySpec.HMAC256, by="test")


class Room:
    """A key room with its log, written when a test says so."""

    def __init__(self, service: KeysService, accesses: Accesses, log: AccessLog) -> None:
        self.service = service
        self.accesses = accesses
        self.log = log

    async def counted(self, **of: Any) -> dict[tuple[str, str, str, str], int]:
        await self.log.write()
        found: dict[tuple[str, str, str, str], int] = {}
        for line in (await self.service.accesses(AccessesOf(limit=100, **of))).accesses:
            about = (line.caller, line.use.value, line.key, line.outcome.value)
            found[about] = found.get(about, 0) + line.times
        return found


@pytest.fixture
async def room(
    keys_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Room]:
    database = await Database.open(
        keys_database.dsn("bezant_keys", MODULE_PASSWORD), name="keys", size_max=4, clock=clock
    )
    provider = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
    outbox = Outbox("keys", Nudges())
    accesses = Accesses(clock, "gateway")
    service = KeysService(database, clock, [provider], outbox=outbox, accesses=accesses)
    await service.start()
    log = AccessLog(database, accesses, Telling(outbox, Ids(clock), Mode.TEST))
    yield Room(service, accesses, log)
    await database.close()


@pytest.mark.requirement("S000-15", part="the access log of signatures and decryptions")
async def test_every_signature_and_opening_is_counted_with_its_caller(room: Room) -> None:
    keys = room.service
    for command in (RECEIPTS, TOKENS, HASHES):
        await keys.declare(command)
    (signing,) = await keys.public_keys(RECEIPTS.name)
    receipts = near(Keys, keys, caller="receipts")
    vault = near(Keys, keys, caller="vault")

    async def vault_at_work() -> str:
        sealed = await vault.seal(TOKENS.name, b"4242", b"")
        await vault.open(sealed, b"")
        with pytest.raises(CannotOpen):
            await vault.open(sealed, b"another row")
        return sealed.kid

    signed = [receipts.sign(RECEIPTS.name, str(turn).encode()) for turn in range(150)]
    kids = await asyncio.gather(*(vault_at_work() for _ in range(40)), *signed)
    await keys.sign(RECEIPTS.name, b"by nobody in particular")
    (mac,) = await keys.macs(HASHES.name, b"sk_test")
    found = await room.counted()

    assert found["receipts", "sign", signing.kid, "done"] == 150
    assert found["gateway", "sign", signing.kid, "done"] == 1
    assert found["gateway", "hash", mac.kid, "done"] == 1
    token = str(kids[0])
    assert found["vault", "seal", token, "done"] == 40
    assert found["vault", "open", token, "done"] == 40
    assert found["vault", "open", token, "refused"] == 40
    assert sum(times for about, times in found.items() if about[1] == "unwrap") >= 1
    # Nothing is written twice, and the next moment begins from nothing.
    assert await room.counted() == found


async def test_a_module_calls_what_it_may_and_nothing_else(room: Room) -> None:
    await room.service.declare(TOKENS)
    vault = near(Keys, room.service, caller="vault")

    with pytest.raises(Forbidden):
        await vault.inventory()
    with pytest.raises(Forbidden):
        await vault.accesses(AccessesOf())
    await vault.seal(TOKENS.name, b"x", b"")


async def test_between_processes_the_certificate_names_the_caller(
    room: Room, installation: Installation
) -> None:
    await room.service.declare(RECEIPTS)
    server = Server(installation.issuer("keys"), RealClock())
    serve(server, Keys, room.service)
    address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
    installation.closing.push_async_callback(server.stop, 0)
    channel = Channel(address, "keys", installation.issuer("receipts"))
    installation.closing.push_async_callback(channel.close)

    signature = await far(Keys, channel).sign(RECEIPTS.name, b"x")

    assert (await room.counted())["receipts", "sign", signature.kid, "done"] == 1


async def test_while_the_database_is_away_uses_stay_counted(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bezant.errors import Unavailable
    from bezant.keys import gathering

    await room.service.declare(RECEIPTS)
    await room.counted()

    async def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(gathering.store, "add", away)
        for _ in range(3):
            for _ in range(10):
                await room.service.sign(RECEIPTS.name, b"x")
            await room.log.write()
    (kid,) = {one.kid for one in await room.service.public_keys(RECEIPTS.name)}

    assert (await room.counted())["gateway", "sign", kid, "done"] == 30


async def test_a_kid_that_somebody_made_up_is_not_repeated(room: Room) -> None:
    await room.service.declare(TOKENS)
    sealed = await room.service.seal(TOKENS.name, b"x", b"")
    for kid in ("nul\0", "two\nlines", "x" * 200, "4242 4242 4242 4242"):
        with pytest.raises(CannotOpen):
            await room.service.open(
                Sealed(1, kid, sealed.algorithm, sealed.iv, sealed.ciphertext), b""
            )

    assert (await room.counted())["gateway", "open", "no kid", "refused"] == 4


@pytest.mark.requirement("S000-15", part="a refused PIN is an alarm")
async def test_a_refused_pin_is_a_line_and_an_event(
    room: Room, keys_database: TestDatabase
) -> None:
    room.accesses.login("payment-hsm", "done")
    room.accesses.login("payment-hsm", "refused")

    found = await room.counted(use=Use.LOGIN)

    assert found == {
        ("gateway", "login", "payment-hsm", "done"): 1,
        ("gateway", "login", "payment-hsm", "refused"): 1,
    }
    assert len(await room.counted(outcome=Outcome.REFUSED)) == 1
    with psycopg.connect(keys_database.administrator_dsn) as connection:
        told = connection.execute(
            "SELECT subject, data FROM keys.event WHERE type = 'key.pin_refused'"
        ).fetchall()
    assert told == [("payment-hsm", {"token": "payment-hsm", "process": "gateway", "times": 1})]


async def test_the_log_is_written_by_itself_and_at_the_end(room: Room) -> None:
    await room.service.declare(RECEIPTS)
    room.log.start()
    await room.service.sign(RECEIPTS.name, b"x")
    async with asyncio.timeout(30):
        while not (await room.service.accesses(AccessesOf(use=Use.SIGN))).accesses:
            await asyncio.sleep(0.05)
    await room.service.sign(RECEIPTS.name, b"x")

    await room.log.stop()

    lines = (await room.service.accesses(AccessesOf(use=Use.SIGN))).accesses
    assert sum(line.times for line in lines) == 2


async def test_old_lines_are_forgotten_but_a_year_is_kept_whatever_is_asked(
    room: Room, clock: MovableClock, keys_database: TestDatabase
) -> None:
    await room.service.declare(RECEIPTS)
    for days in (0, 300, 300, 300):
        clock.move(timedelta(days=days))
        await room.service.sign(RECEIPTS.name, b"x")
        await room.log.write()
    before = len((await room.service.accesses(AccessesOf(use=Use.SIGN))).accesses)

    await room.service.schedule.forget_accesses()
    kept = (await room.service.accesses(AccessesOf(use=Use.SIGN))).accesses
    with psycopg.connect(
        keys_database.dsn("bezant_keys", MODULE_PASSWORD), autocommit=True
    ) as role:
        role.execute("SELECT keys.forget_access('infinity', 1000000)")
    still = (await room.service.accesses(AccessesOf(use=Use.SIGN))).accesses

    assert before == 4
    assert len(kept) == 2  # Of today, and 300 days old; the others are 600 and 900.
    assert [line.id for line in still] == [line.id for line in kept]


READ = frozenset({"audit.read"})
PEOPLE = {
    "auditor": Actor(Caller.MEMBER, "mem_1", PLATFORM, Mode.TEST, READ),
    "merchant": Actor(Caller.KEY, "key_1", "mer_" + "a" * 32, Mode.TEST, READ),
    "operator": Actor(Caller.MEMBER, "mem_2", PLATFORM, Mode.TEST, frozenset()),
}


class Callers:
    def known(self, credential: Credential) -> Actor | None:
        return PEOPLE.get(credential.secret.reveal())

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


@pytest.fixture
async def door(room: Room) -> AsyncIterator[Any]:
    real = RealClock()
    ground = Ground(Callers(), MemoryLimits(monotonic), Meters(), Ids(real), Health(real))
    edge = build([routes(near(Keys, room.service))], service="keys", ground=ground, rules=Rules())
    serving = Serving([Listening("127.0.0.1", 0, edge)])
    ((_, port),) = serving.bind()
    running = asyncio.create_task(serving.run())
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def get(path: str, by: str = "auditor", **params: str) -> tuple[int, Any]:
            headers = {"x-api-key": by}
            async with session.get(path, params=params, headers=headers) as answer:
                return answer.status, json.loads(await answer.read())

        yield get
    serving.stop()
    await running


@pytest.mark.requirement("S000-15", part="auditors read the access log")
async def test_auditors_of_the_platform_page_through_the_log(room: Room, door: Any) -> None:
    await room.service.declare(RECEIPTS)
    for _ in range(7):
        await room.service.sign(RECEIPTS.name, b"x")
        await room.log.write()

    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        status, page = await door("/v1/crypto/accesses", limit="3", use="sign", **after)
        assert status == 200
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = {"starting_after": str(seen[-1])}
    _, inventory = await door("/v1/crypto/keys")
    _, steps = await door(f"/v1/crypto/keys/{RECEIPTS.name}/steps")

    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)
    assert {one["name"] for one in inventory["data"]} == {"key-encryption", RECEIPTS.name}
    assert [one["after"] for one in steps["data"]] == ["pending", "active"]
    status, filtered = await door("/v1/crypto/accesses", caller="nobody")
    assert (status, filtered["data"]) == (200, [])


@pytest.mark.requirement("S004-4", part="GET /v1/crypto/capabilities")
async def test_everybody_may_read_what_is_classical_and_what_is_not(room: Room, door: Any) -> None:
    await room.service.declare(RECEIPTS)
    _, before = await door("/v1/crypto/capabilities", by="stranger")
    await room.service.declare(LATTICE)
    await room.service.declare(HYBRID)
    status, found = await door("/v1/crypto/capabilities", by="stranger")

    assert status == 200
    kinds = {one["spec"]: one for one in found["kinds"]}
    assert set(kinds) == {spec.value for spec in KeySpec}
    assert {spec: one["security"] for spec, one in kinds.items()} == {
        "RSA3072": "classical", "P256": "classical", "ED25519": "classical",
        "MLDSA87": "post_quantum", "MLKEM1024P384": "hybrid",
        "AES256": "symmetric", "HMAC256": "symmetric",
    }  # fmt: skip
    assert kinds["P256"]["keys"] == [RECEIPTS.name]
    assert (kinds["MLDSA87"]["algorithm"], kinds["MLDSA87"]["keys"]) == ("ML-DSA-87", ["lattice"])
    assert kinds["RSA3072"]["keys"] == []
    assert all(one["available"] for one in kinds.values())
    assert found["lies_in"] == ["software"]
    # It says of signatures and sealed things only what some key does at this moment.
    assert not any("ML-" in said for said in before["statements"])
    assert sum("ML-" in said for said in found["statements"]) == 2
    assert any("TLS with classical certificates" in said for said in found["statements"])
    assert any("not validated modules" in said for said in found["statements"])


async def test_nobody_else_reads_it(room: Room, door: Any) -> None:
    for path in ("/v1/crypto/accesses", "/v1/crypto/keys", "/v1/crypto/keys/x/steps"):
        assert (await door(path, by="merchant"))[0] == 403
        assert (await door(path, by="operator"))[0] == 403
        assert (await door(path, by="stranger"))[0] == 401
    for params in (
        {"starting_after": "x"}, {"starting_after": "9" * 30}, {"ending_before": "1"},
        {"use": "steal"}, {"at[gte]": "2026-01-01T00:00:00"}, {"limit": "0"},
    ):  # fmt: skip
        assert (await door("/v1/crypto/accesses", **params))[0] == 400, params
    assert (await door("/v1/crypto/keys/nobody/steps"))[0] == 404

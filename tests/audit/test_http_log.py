"""The log over HTTP: public where it is a proof, for auditors where it tells what happened."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest
from tests.audit.stand import MERCHANT, STRANGER, Stand

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.audit import Audit, TransparencyLog
from bezant.audit.http import routes
from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.http.serve import Listening, Serving
from bezant.ids import Ids
from bezant.rpc.near import near
from bezant.telemetry.metrics import Meters
from bezant_verify import answers, proof
from bezant_verify.address import Address
from bezant_verify.checkpoint import Trust, believed
from bezant_verify.merkle import leaf_hash, root_of, verify_consistency
from bezant_verify.note import decoded
from bezant_verify.tiles import bundle_of

READ = frozenset({"audit.read"})
PEOPLE = {
    "auditor": Actor(Caller.KEY, "key_1", MERCHANT, Mode.TEST, READ),
    "stranger": Actor(Caller.KEY, "key_2", STRANGER, Mode.TEST, READ),
    "operator": Actor(Caller.KEY, "key_3", PLATFORM, Mode.TEST, READ),
    "developer": Actor(Caller.KEY, "key_4", MERCHANT, Mode.TEST, frozenset()),
    "live": Actor(Caller.KEY, "key_5", MERCHANT, Mode.LIVE, READ),
}


class Callers:
    """Knows people by the names they send."""

    def known(self, credential: Credential) -> Actor | None:
        return PEOPLE.get(credential.secret.reveal())

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


@dataclass
class Answered:
    """An answer, read."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    """The log behind the real gateway."""

    stand: Stand
    url: str
    session: aiohttp.ClientSession

    async def get(self, path: str, by: str = "", **params: str) -> Answered:
        headers = {"x-api-key": by} if by else {}
        async with self.session.get(self.url + path, params=params, headers=headers) as answer:
            return Answered(answer.status, answer.headers, await answer.read())


@pytest.fixture
async def door(stand: Stand) -> AsyncIterator[Door]:
    real = RealClock()
    ground = Ground(Callers(), MemoryLimits(monotonic), Meters(), Ids(real), Health(real))
    served = routes(near(Audit, stand.audit), near(TransparencyLog, stand.log))
    edge = build(served, service="audit", ground=ground, rules=Rules())
    serving = Serving([Listening("127.0.0.1", 0, edge)])
    ((_, port),) = serving.bind()
    running = asyncio.create_task(serving.run())
    try:
        async with aiohttp.ClientSession() as session:
            yield Door(stand, f"http://127.0.0.1:{port}", session)
    finally:
        serving.stop()
        await running


async def test_a_stranger_reads_the_whole_log_without_a_key(door: Door, tmp_path: Path):
    assert (await door.get("/audit/checkpoint")).status == 503, "nothing is signed yet"
    door.stand.payments.tell(600)
    await door.stand.record()
    shown = await door.get("/audit/checkpoint")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.headers["cache-control"] == "public, max-age=1"
    keys = await door.get("/audit/keys")
    trust = Trust.parse(keys.body.decode())
    head = believed(shown.body.decode(), trust).checkpoint
    assert head.size == 600
    source = Address(f"{door.url}/audit")
    entries: list[bytes] = []
    for number, width in ((0, 256), (1, 256), (2, 88)):
        entries += await asyncio.to_thread(bundle_of, source, number, width) or []
    assert root_of(b"".join(map(leaf_hash, entries))) == head.root
    tile = await door.get("/audit/tile/0/001")
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert tile.headers["content-type"] == "application/octet-stream"
    assert tile.body == b"".join(map(leaf_hash, entries[256:512]))
    assert len((await door.get("/audit/tile/0/002.p/88")).body) == 88 * 32
    assert len((await door.get("/audit/tile/1/000.p/2")).body) == 64
    (tmp_path / "keys").write_bytes(keys.body)
    (tmp_path / "since").write_bytes(shown.body)
    found: Callable[[], answers.Answer] = lambda: answers.whole_log(  # noqa: E731
        f"{door.url}/audit", tmp_path / "keys", [tmp_path / "since"], None, tmp_path / "copy",
        classical=False,
    )  # fmt: skip
    answered = await asyncio.to_thread(found)
    assert answered.code == 0, answered.found
    again = answers.whole_log(
        str(tmp_path / "copy"), None, [tmp_path / "since"], None, None, classical=False
    )
    assert (again.code, again.found["size"]) == (0, 600)


@pytest.mark.parametrize(
    "path",
    [
        "/audit/tile/0/003", "/audit/tile/0/002", "/audit/tile/0/002.p/89", "/audit/tile/0/2",
        "/audit/tile/0/x000/001", "/audit/tile/0/x001/000", "/audit/tile/x/000",
        "/audit/tile/64/000", "/audit/tile/00/000", "/audit/tile/0/001.p/256",
        "/audit/tile/0/001.p/0", "/audit/tile/0/001.p/01", "/audit/tile/2/000.p/1",
        "/audit/tile/0/x001/x002/003.p/4", "/audit/tile/0/000/p/1", "/audit/tile/-1/000",
    ],
)  # fmt: skip
async def test_what_is_no_tile_of_this_log_is_not_found(door: Door, path: str):
    door.stand.payments.tell(600)
    await door.stand.record()
    assert (await door.get("/audit/tile/0/002.p/88")).status == 200
    assert (await door.get(path)).status == 404


async def test_proofs_come_ready_to_be_kept(door: Door):
    door.stand.payments.tell(300)
    await door.stand.record()
    trust = Trust.parse((await door.get("/audit/keys")).body.decode())
    shown = await door.get("/audit/inclusion", index="299")
    assert proof.verify(proof.LogProof.parse(shown.body.decode()), trust).index == 299
    for index, status in (("300", 404), ("-1", 400), ("x", 400), ("9" * 30, 400)):
        assert (await door.get("/audit/inclusion", index=index)).status == status, index
    small = (
        await door.stand.shelf.inclusion(0, 1),
        root_of(await door.stand.shelf.tile(1, 0, 0, 1)),
    )
    between = (await door.get("/audit/consistency", old_size="1", size="300")).json
    head = believed((await door.get("/audit/checkpoint")).body.decode(), trust).checkpoint
    path = [decoded(one) for one in between["path"]]
    verify_consistency(1, small[1], 300, head.root, path)
    for old, size in (("2", "1"), ("0", "301")):
        answered = await door.get("/audit/consistency", old_size=old, size=size)
        assert answered.status == 400


async def test_the_state_is_shown_to_everybody(door: Door):
    door.stand.ledger.tell_batch("book_1", 3, "ab" * 32)
    await door.stand.record()
    await door.stand.log.recheck()
    shown = (await door.get("/audit/integrity")).json
    assert (shown["size"], shown["signed_size"], shown["trouble"]) == (1, 1, "")
    assert shown["chain_heads"][0]["hash"] == "ab" * 32
    assert shown["verifications"][0]["subject"] == "log"
    assert {one["feed"]: one["position"] for one in shown["feeds"]} == {"ledger": 1, "payments": 0}


async def test_auditors_see_what_happened_to_theirs(door: Door):
    door.stand.payments.tell(3, subject="pay_1")
    door.stand.payments.tell(2, tenant=STRANGER, subject="pay_2")
    await door.stand.record()
    for by, status in (("", 401), ("developer", 403), ("nobody", 401)):
        for path in ("/v1/audit", "/v1/audit/0", "/v1/audit/export"):
            assert (await door.get(path, by)).status == status
    listed = (await door.get("/v1/audit", "auditor", limit="2")).json
    assert [one["index"] for one in listed["data"]] == [2, 1]
    assert listed["has_more"]
    more = (await door.get("/v1/audit", "auditor", starting_after="1")).json
    assert [one["index"] for one in more["data"]] == [0]
    assert (await door.get("/v1/audit", "live")).json["data"] == []
    assert len((await door.get("/v1/audit", "operator")).json["data"]) == 5
    one = (await door.get("/v1/audit", "operator", subject="pay_2")).json["data"]
    assert {row["tenant"] for row in one} == {STRANGER}
    assert (await door.get("/v1/audit/3", "auditor")).status == 404
    opened = (await door.get("/v1/audit/3", "stranger")).json
    read = proof.LogProof.parse((await door.get("/audit/inclusion", index="3")).body.decode())
    proven = proof.verify(read, Trust.parse((await door.get("/audit/keys")).body.decode()))
    opening = proof.Opening.parse(json.dumps({"salt": opened["salt"], "event": opened["event"]}))
    assert proof.opened(proven.entry, opening)["subject"] == "pay_2"
    lines = (await door.get("/v1/audit/export", "auditor", type="payment.captured")).body
    assert [json.loads(line)["index"] for line in lines.splitlines()] == [2, 1, 0]
    for params in ({"occurred_at[gte]": "2026-01-01T00:00:00"}, {"starting_after": "x"},
                   {"ending_before": "1"}):  # fmt: skip
        assert (await door.get("/v1/audit", "auditor", **params)).status == 400

"""Limits that gateways share: together no more than the rule, whatever becomes of Redis."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
from redis.asyncio import Redis
from tests.harness.cluster import Cluster
from tests.harness.faults import FaultProxy, Faults
from tests.harness.ports import free_port
from tests.identity.edge.whole import whole
from tests.vault.room import template_of

from bezant.errors import Unavailable
from bezant.http.edge import Edge
from bezant.http.joint_limits import SETTLED_MAX, WAITING_MAX, JointLimits, Store, Taken
from bezant.http.limits import MemoryLimits, Rule
from bezant.http.redis_buckets import PREFIX, RedisBuckets
from bezant.schemas import ROLES
from bezant.secret import Secret

pytestmark = pytest.mark.catalogue("T35")
DEADLINE_SECONDS = 60.0
RULE = Rule(100, 360_000)  # So slowly that nothing comes back during a test.


class Shelf:
    """A store in this process: what all take together, and whether it can be asked."""

    def __init__(self) -> None:
        self.left: dict[str, float] = {}
        self.away = False
        self.closed = False

    async def settle(self, taken: Mapping[str, Taken]) -> Mapping[str, float]:
        if self.away:
            raise Unavailable
        for bucket, one in taken.items():
            self.left[bucket] = self.left.get(bucket, float(one.rule.requests)) - one.cost
        return {bucket: self.left[bucket] for bucket in taken}

    async def close(self) -> None:
        self.closed = True


def sharing(store: Store, hand: Callable[[], float] = monotonic) -> JointLimits:
    return JointLimits(MemoryLimits(hand), store)


def allowed(limits: JointLimits, times: int, bucket: str = "a") -> int:
    return sum(limits.spend(bucket, RULE).allowed for _ in range(times))


async def test_what_others_took_is_known_after_the_next_telling() -> None:
    shelf = Shelf()
    here, there = sharing(shelf), sharing(shelf)
    assert allowed(here, 60) == 60
    await here.settle()
    assert allowed(there, 30) == 30
    await there.settle()
    assert allowed(there, 100) == 10
    await there.settle()
    await here.settle()
    # What nobody told yet may pass once; told, it counts.
    assert allowed(here, 1) == 1
    await here.settle()
    assert allowed(here, 100) == 0


async def test_memory_alone_would_have_let_twice_as_many_through() -> None:
    """The control: two processes that do not know of each other."""
    here, there = MemoryLimits(lambda: 0.0), MemoryLimits(lambda: 0.0)
    assert sum(one.spend("a", RULE).allowed for one in (here, there) for _ in range(200)) == 200


async def test_a_store_that_forgot_gives_nothing_back() -> None:
    shelf = Shelf()
    here = sharing(shelf)
    assert allowed(here, 95) == 95
    await here.settle()
    shelf.left.clear()
    assert allowed(here, 1) == 1
    await here.settle()
    assert allowed(here, 100) == 4


async def test_without_a_store_one_goes_on_alone_and_tells_later() -> None:
    shelf = Shelf()
    shelf.away = True
    here, there = sharing(shelf), sharing(shelf)
    await here.start()
    assert here.alone
    assert allowed(here, 200) == 100
    await here.settle()
    assert here.alone
    shelf.away = False
    await here.settle()
    assert not here.alone
    assert shelf.left["a"] == 0
    allowed(there, 1)
    await there.settle()
    assert allowed(there, 100) == 0
    await here.stop()
    assert shelf.closed


async def test_what_waits_to_be_told_is_bounded() -> None:
    shelf = Shelf()
    shelf.away = True
    here = sharing(shelf)
    for number in range(WAITING_MAX + SETTLED_MAX):
        here.spend(str(number), RULE)
    await here.settle()
    assert len(here._waiting) == WAITING_MAX
    shelf.away = False
    await here.settle()
    assert len(shelf.left) == SETTLED_MAX
    assert "0" not in shelf.left, "the oldest are forgotten first"


# What follows asks a real Redis.


@asynccontextmanager
async def redis_server(folder: Path, port: int) -> AsyncIterator["subprocess.Popen[bytes]"]:
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    words += ["--requirepass", "let me in", "--dir", str(folder)]
    running = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        await asyncio.to_thread(running.wait)


def address(port: int) -> Secret[str]:
    return Secret(f"redis://:let%20me%20in@127.0.0.1:{port}/0")


async def answers(buckets: RedisBuckets) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await buckets.ping()
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not is_so():
            await asyncio.sleep(0.02)


@pytest.mark.system
@pytest.mark.requirement("S001-6", part="limits of several gateways")
@pytest.mark.requirement("S003-2", part="limits of several gateways")
async def test_two_gateways_on_one_redis_let_through_what_one_would(tmp_path: Path) -> None:
    port = free_port()
    async with redis_server(tmp_path, port):
        stores = [RedisBuckets(address(port)) for _ in range(2)]
        for store in stores:
            await answers(store)
        here, there = map(sharing, stores)
        await here.start()
        await there.start()
        assert not here.alone
        assert not there.alone
        passed = 0
        for _ in range(50):
            passed += allowed(here, 3) + allowed(there, 3)
            await here.settle()
            await there.settle()
        # One round of what both may take unseen by the other, and the rounding of a fraction.
        assert RULE.requests <= passed <= RULE.requests + 6
        await here.stop()
        await there.stop()
        asked = Redis(port=port, password="let me in")
        names = [name async for name in asked.scan_iter("*")]
        assert names == [f"{PREFIX}a".encode()]
        assert 0 < await asked.pttl(names[0]) <= 2 * RULE.window_seconds * 1000 + 1000
        await asked.aclose()


@pytest.mark.system
async def test_redis_flushed_lost_slow_and_back(tmp_path: Path) -> None:
    port = free_port()
    async with FaultProxy("127.0.0.1", port) as proxy:
        store = RedisBuckets(address(proxy.port))
        limits = sharing(store)
        async with redis_server(tmp_path, port):
            await answers(store)
            await limits.start()
            assert allowed(limits, 90) == 90
            await limits.settle()
            flushing = Redis(port=port, password="let me in")
            await flushing.flushall()
            assert allowed(limits, 5) == 5
            await limits.settle()
            assert allowed(limits, 100) == 5, "flushed, nobody gets a fresh share here"
            await flushing.aclose()

            for faults in (
                Faults(delay_seconds=5), Faults(half_open=True), Faults(refuse=True),
            ):  # fmt: skip
                proxy.faults = faults
                if faults.refuse:
                    proxy.reset_all()
                await until(lambda: limits.alone)
                asked_at = monotonic()
                for number in range(1_000):
                    limits.spend(f"b{number}", RULE)
                assert monotonic() - asked_at < 2, "no request waits for Redis"
                proxy.faults = Faults()
                proxy.reset_all()
                await until(lambda: not limits.alone)
        await until(lambda: limits.alone)
        assert limits.spend("b1", RULE).allowed
        async with redis_server(tmp_path, port):
            await until(lambda: not limits.alone)
        await limits.stop()


@pytest.mark.system
async def test_a_redis_that_does_not_let_us_in_is_a_redis_that_is_away(tmp_path: Path) -> None:
    port = free_port()
    async with redis_server(tmp_path, port):
        right = RedisBuckets(address(port))
        await answers(right)
        await right.close()
        store = RedisBuckets(Secret(f"redis://:wrong@127.0.0.1:{port}/0"))
        with pytest.raises(Unavailable) as refused:
            await store.settle({"a": Taken(RULE, 1)})
        assert "wrong" not in repr(refused.value)
        limits = sharing(store)
        await limits.start()
        assert limits.alone
        assert limits.spend("a", RULE).allowed
        await limits.stop()


@pytest.mark.system
async def test_what_somebody_else_wrote_there_is_not_believed(tmp_path: Path) -> None:
    port = free_port()
    async with redis_server(tmp_path, port):
        store = RedisBuckets(address(port))
        await answers(store)
        asked = Redis(port=port, password="let me in")
        await asked.hset(f"{PREFIX}a", mapping={"tokens": "1e300", "at": "-1e300"})
        await asked.hset(f"{PREFIX}b", mapping={"tokens": "x", "at": "y"})
        await asked.set(f"{PREFIX}c", "no hash at all")
        told = await store.settle({"a": Taken(RULE, 1), "b": Taken(RULE, 1)})
        assert told == {"a": 99, "b": 99}
        with pytest.raises(Unavailable):
            await store.settle({"c": Taken(RULE, 1)})
        await asked.aclose()
        await store.close()


@pytest.mark.system
@pytest.mark.requirement("S003-5", part="what /health says of Redis")
async def test_a_house_whose_redis_is_lost_goes_on_and_guards_its_doors_more(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    template = template_of(cluster, "whole_template", ROLES)
    with cluster.fresh(template) as database:
        async with redis_server(tmp_path, port) as running:
            url = address(port).reveal()
            more = {"REDIS_URL": url, "LOGIN_LIMIT": "500"}
            async with whole(database, tmp_path, monkeypatch, **more) as house:
                edge = house.house.listenings[0].application
                assert isinstance(edge, Edge)
                await until(lambda: not house.ground.limits.alone)

                async def look() -> tuple[str, bytes, int]:
                    health = json.loads((await house.ask("GET", "/health", edge=edge)).text)
                    tried = await house.ask("POST", "/v1/session", edge=edge)
                    by = house.shops[0].callers["sk admin test"]
                    account = {"asset": "EUR", "type": "asset", "owner": "x"}
                    money = await house.ask("POST", "/v1/accounts", by, account, edge=edge)
                    assert health["status"] == "ok"
                    return health["redis"], tried.headers[b"ratelimit-limit"], money.status

                assert await look() == ("connected", b"500", 201)
                running.kill()
                await until(lambda: house.ground.limits.alone)
                async with asyncio.timeout(DEADLINE_SECONDS):
                    while (told := await look())[0] != "disconnected":
                        await asyncio.sleep(0.1)
                assert told == ("disconnected", b"50", 201)

"""Attacks on outgoing webhooks: secrets without end, readers who make us look again and again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from tests.harness.cluster import MODULE_PASSWORD, Cluster, TestDatabase
from tests.webhooks.conftest import MODULES
from tests.webhooks.desk import Desk, opened_desk
from tests.webhooks.stand import ANN, BOB, TEST, Stand, opened

from bezant.clock import MovableClock
from bezant.db.migrate import migrate
from bezant.errors import Unavailable
from bezant.secret import Secret
from bezant.webhooks import (
    EventRun,
    EventsAfter,
    NewSecret,
    RotateSecret,
    Scheme,
    TooManySecrets,
    TooManyStreams,
)
from bezant.webhooks.endpoint import OVERLAP_SECONDS_MAX, SECRETS_MAX
from bezant.webhooks.http.stream import (
    STREAMS_MAX,
    STREAMS_OF_MERCHANT_MAX,
    EventStream,
    Places,
)

URL = "http://127.0.0.1:9999/hooks"


@pytest.fixture(scope="session")
def attacked_webhooks(cluster: Cluster) -> str:
    made = cluster.create("attacked_webhooks")
    passwords = {one.module: Secret(MODULE_PASSWORD) for one in MODULES}
    cluster.run(migrate(made.administrator_dsn, MODULES, passwords))
    return "attacked_webhooks"


@pytest.fixture
def webhooks_database(cluster: Cluster, attacked_webhooks: str) -> Iterator[TestDatabase]:
    with cluster.fresh(attacked_webhooks) as fresh:
        yield fresh


@pytest.fixture
async def hooks(
    webhooks_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Stand]:
    async with opened(webhooks_database, clock, tmp_path) as made:
        yield made


async def rotated(hooks: Stand, endpoint: str, overlap_seconds: int) -> NewSecret:
    return await hooks.service.rotate_secret(
        RotateSecret(
            hooks.ids.new("whs"), ANN, TEST, endpoint, "key_1", Scheme.HMAC, overlap_seconds
        )
    )


async def test_forty_rotations_at_once_leave_a_header_that_a_receiver_reads(hooks: Stand):
    made = await hooks.endpoint(URL)
    told = await asyncio.gather(
        *(rotated(hooks, made.endpoint.id, OVERLAP_SECONDS_MAX) for _ in range(40)),
        return_exceptions=True,
    )
    refused = [one for one in told if isinstance(one, TooManySecrets)]
    assert len([one for one in told if isinstance(one, NewSecret)]) == SECRETS_MAX - 1
    assert len(refused) == 40 - (SECRETS_MAX - 1)
    assert len((await hooks.again(made.endpoint)).secrets) == SECRETS_MAX
    # Whoever lost a secret can always make a new one that is the only one.
    alone = await rotated(hooks, made.endpoint.id, 0)
    assert len(alone.endpoint.secrets) == 1


async def test_what_a_reader_does_not_want_is_looked_through_once(hooks: Stand):
    await hooks.happen(*(hooks.event() for _ in range(5)))
    wanted = EventsAfter(ANN, TEST, 0, ("refund.*",), 100)
    nothing = await hooks.service.events_after(wanted)
    head = await hooks.service.place(ANN, TEST, None)
    assert (nothing.events, nothing.place) == ((), head)
    assert head > 0
    (refund,) = await hooks.happen(hooks.event("refund.succeeded"))
    await hooks.happen(hooks.event(), hooks.event(tenant=BOB))
    found = await hooks.service.events_after(
        EventsAfter(ANN, TEST, nothing.place, ("refund.*",), 100)
    )
    assert [one.id for one in found.events] == [refund]


async def test_a_reader_who_waits_hears_what_fits_behind_what_does_not(hooks: Stand):
    await hooks.happen(hooks.event())
    waiting = asyncio.create_task(
        hooks.service.events_after(EventsAfter(ANN, TEST, 0, ("refund.*",), 100, 20_000))
    )
    await hooks.happen(*(hooks.event() for _ in range(3)))
    (refund,) = await hooks.happen(hooks.event("refund.succeeded"))
    async with asyncio.timeout(30):
        run = await waiting
    assert [one.id for one in run.events] == [refund]


async def opened_stream(desk: Desk, key: str) -> aiohttp.ClientResponse:
    return await desk.session.get(f"{desk.url}/v1/events/stream", headers={"x-api-key": key})


async def test_one_merchants_streams_leave_room_for_everybody_elses(hooks: Stand):
    async with opened_desk(hooks) as desk:
        ann, bob = desk.ann.keys["test"], desk.bob.keys["test"]
        streams = [await opened_stream(desk, ann) for _ in range(STREAMS_OF_MERCHANT_MAX)]
        assert {one.status for one in streams} == {200}
        over = await opened_stream(desk, ann)
        assert (over.status, (await over.json())["code"]) == (429, "too_many_event_streams")
        assert "retry-after" in over.headers
        other = await opened_stream(desk, bob)
        assert other.status == 200
        streams[0].close()  # Whoever leaves makes room, as soon as it is noticed.
        async with asyncio.timeout(60):
            while (again := await opened_stream(desk, ann)).status == 429:
                await asyncio.sleep(0.05)
        assert again.status == 200
        for one in (*streams, other, again):
            one.close()


def test_all_streams_together_have_an_end():
    places = Places()
    with contextlib.ExitStack() as stack:
        for number in range(STREAMS_MAX):
            stack.enter_context(places.taken(f"mer_{number}"))
        with pytest.raises(TooManyStreams):
            stack.enter_context(places.taken("mer_last"))
    with places.taken("mer_last"):
        pass  # All places are free again, also the one that was refused.


async def test_a_stream_ends_in_peace_when_the_database_does_not_answer(
    hooks: Stand, monkeypatch: pytest.MonkeyPatch
):
    (happened,) = await hooks.happen(hooks.event())
    stream = EventStream(hooks.service, EventsAfter(ANN, TEST, 0), lambda: False).events()
    assert await anext(stream) == b"retry: 1000\n\n"
    assert happened.encode() in await anext(stream)

    async def away(query: EventsAfter) -> EventRun:
        raise Unavailable

    monkeypatch.setattr(hooks.service, "events_after", away)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)

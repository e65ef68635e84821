"""The list of events: filled from feeds, followed as a stream, forgotten when it is old."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import psycopg
import pytest
from tests.harness.waiting import until
from tests.webhooks.desk import Desk
from tests.webhooks.receiver import Receiver
from tests.webhooks.stand import ANN, BOB, TEST, Stand, work

from bezant.actor import Mode
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.events import Event
from bezant.webhooks import DeleteEndpoint, EventsAfter, EventsOf, UnknownEvent
from bezant.webhooks.desk import take
from bezant.webhooks.following import Following
from bezant.webhooks.jobs import EVENTS_KEPT, forget_old


@asynccontextmanager
async def followed(stand: Stand) -> AsyncIterator[tuple[Database, Outbox]]:
    """Follow another module's feed; yields where its events are written."""
    told = await Database.open(
        stand.where.module_dsn("ledger"), name="ledger", size_max=4, clock=stand.clock
    )
    sequencer = Sequencer(told, "ledger", stand.nudges)
    feeds = {"ledger": StoredFeed(told, "ledger")}
    following = Following(stand.database, stand.clock, stand.nudges, feeds)
    sequencer.start()
    following.start()
    try:
        yield told, Outbox("ledger", stand.nudges)
    finally:
        await following.stop()
        await sequencer.stop()
        await told.close()


async def all_events(stand: Stand, tenant: str = ANN) -> list[Event]:
    page = await stand.service.events(EventsOf(tenant, TEST, limit=100))
    return list(page.events)


async def test_what_a_module_tells_arrives_at_the_endpoint(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url(), "payment.*")
    events = [stand.event(data={"id": "pay_1", "n": 1, "list": [1, None, "é"]}) for _ in range(5)]
    worker = await stand.worker()
    worker.start_sending()
    async with followed(stand) as (database, outbox):
        for event in events:
            async with database.transaction() as tx:
                await outbox.append(tx, event)
        await until(lambda: len(receiver.requests) == 5, "all of them arrive")
    assert sorted(receiver.ids()) == sorted(one.id for one in events)
    assert await all_events(stand) == events[::-1]
    assert json.loads(receiver.requests[0].body)["data"] == events[0].data


async def test_two_processes_follow_and_each_event_is_taken_once(stand: Stand, receiver: Receiver):
    await stand.endpoint(receiver.url())
    async with followed(stand) as (database, outbox), followed(stand):
        events = [stand.event() for _ in range(150)]
        for at in range(0, 150, 10):
            async with database.transaction() as tx:
                await outbox.append(tx, *events[at : at + 10])
        await until(
            lambda: stand.as_operator("SELECT count(*) FROM webhooks.public_event") == [(150,)],
            "all are taken",
        )
    await work(await stand.worker())
    assert sorted(receiver.ids()) == sorted(one.id for one in events)


async def test_a_reader_never_misses_an_event_however_writers_overlap(stand: Stand):
    """Numbers are drawn under one lock: whoever follows by number sees every one."""
    count, writers = 40, 6

    async def write(writer: int) -> list[str]:
        made: list[str] = []
        for at in range(count):
            event = stand.event()
            async with stand.database.transaction() as tx:
                await asyncio.sleep(0.001 * ((writer + at) % 3))
                await take(tx, stand.nudges, [event], stand.clock.now())
                await asyncio.sleep(0.001 * (at % 3))
            made.append(event.id)
        return made

    async def read() -> list[str]:
        seen: list[str] = []
        place = 0
        while len(seen) < count * writers:
            query = EventsAfter(ANN, TEST, place, wait_milliseconds=1_000)
            run = await stand.service.events_after(query)
            seen += [one.id for one in run.events]
            place = run.place
        return seen

    async with asyncio.timeout(60):
        seen, *made = await asyncio.gather(read(), *(write(one) for one in range(writers)))
    assert sorted(seen) == sorted(one for part in made for one in part)


async def test_without_that_lock_a_slow_writer_would_be_passed_over(stand: Stand):
    """The control of the test above, with the same two writers once each way."""
    for locks, missed in ((False, 1), (True, 0)):
        place = await stand.service.place(ANN, TEST, None)
        slow, quick = stand.event(), stand.event()
        with psycopg.connect(stand.where.administrator_dsn) as connection:
            _write(connection, slow, locks=locks)
            writing = asyncio.create_task(
                asyncio.to_thread(_write_alone, stand, quick, locks=locks)
            )
            if not locks:
                await writing
            run = await stand.service.events_after(EventsAfter(ANN, TEST, place))
            connection.commit()
        await writing
        rest = await stand.service.events_after(EventsAfter(ANN, TEST, run.place))
        seen = {one.id for one in (*run.events, *rest.events)}
        assert len({slow.id, quick.id} - seen) == missed


def _write_alone(stand: Stand, event: Event, *, locks: bool) -> None:
    with psycopg.connect(stand.where.administrator_dsn) as connection:
        _write(connection, event, locks=locks)


def _write(connection: psycopg.Connection, event: Event, *, locks: bool) -> None:
    row = (
        event.id[4:], event.type, event.version, event.mode, event.tenant, event.subject,
        event.occurred_at, "{}", event.occurred_at,
    )  # fmt: skip
    if locks:
        connection.execute(
            "SELECT webhooks.take_events(ARRAY[%s::uuid], ARRAY[%s], ARRAY[%s::int], ARRAY[%s], "
            "ARRAY[%s], ARRAY[%s], ARRAY[%s], ARRAY[%s], %s, NULL)",
            row,
        )
    else:
        connection.execute(
            "INSERT INTO webhooks.public_event (id, type, version, mode, tenant, subject, "
            "occurred_at, data, taken_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            row,
        )


async def test_whoever_waits_is_woken_and_sees_only_its_own(stand: Stand):
    place = await stand.service.place(ANN, TEST, None)
    wanted = EventsAfter(ANN, TEST, place, ("order.*",), wait_milliseconds=3_000)
    waiting = asyncio.create_task(stand.service.events_after(wanted))
    await asyncio.sleep(0)
    await stand.happen(stand.event("order.paid", tenant=BOB))
    await stand.happen(stand.event("order.paid", mode=Mode.LIVE))
    await stand.happen(stand.event("payment.captured"))
    (event,) = await stand.happen(stand.event("order.paid"))
    assert [one.id for one in (await waiting).events] == [event]
    nothing = EventsAfter(ANN, TEST, (await waiting).place, wait_milliseconds=0)
    assert (await stand.service.events_after(nothing)).events == ()
    with pytest.raises(UnknownEvent):
        await stand.service.place(BOB, TEST, event)


class Stream:
    """A reader of the stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status = answer.status
        self.kind = answer.content_type

    async def next(self) -> tuple[str, str, dict[str, object]]:
        """Return the next event: its id, type and data."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            while True:
                read = await self._answer.content.readline()
                assert read, "the stream ended"
                line = read.decode().rstrip("\n")
                if not line and "data" in fields:
                    return fields["id"], fields["event"], json.loads(fields["data"])
                name, _, value = line.partition(": ")
                fields[name] = value

    async def ended(self) -> bool:
        async with asyncio.timeout(30):
            await self._answer.content.read()
        return True


@asynccontextmanager
async def streaming(
    desk: Desk, last: str | None = None, by: str | None = None, **params: str
) -> AsyncIterator[Stream]:
    headers = {"x-api-key": by or desk.ann.keys["test"]}
    if last is not None:
        headers["last-event-id"] = last
    async with desk.session.get(
        f"{desk.url}/v1/events/stream", headers=headers, params=params
    ) as answer:
        yield Stream(answer)


async def test_a_stream_tells_what_happens_and_resumes_where_it_was(desk: Desk):
    first = (await desk.made("/v1/events", {"type": "order.paid"}))["id"]
    async with streaming(desk) as stream:
        assert (stream.status, stream.kind) == (200, "text/event-stream")
        await desk.made("/v1/events", {"type": "order.paid"}, by=desk.bob.keys["test"])
        second = await desk.made("/v1/events", {"type": "payment.captured"})
        identifier, kind, told = await stream.next()
        assert (identifier, kind) == (second["id"], "payment.captured")
        assert told == second
    third = (await desk.made("/v1/events", {"type": "order.paid"}))["id"]
    async with streaming(desk, last=first) as stream:
        assert [(await stream.next())[0] for _ in range(2)] == [second["id"], third]
    async with streaming(desk, after=first, type="order.*") as stream:
        assert (await stream.next())[0] == third


async def test_a_stream_needs_a_key_and_an_event_of_its_own(desk: Desk):
    event = (await desk.made("/v1/events", {"type": "order.paid"}))["id"]
    for label, last, code in (
        ("nothing", None, 403), ("live", event, 404), ("test", "evt_x", 400), ("test", event, 200),
    ):  # fmt: skip
        async with streaming(desk, last, desk.ann.keys[label]) as stream:
            assert stream.status == code, (label, last)


async def test_a_stream_ends_when_the_platform_does(desk: Desk):
    async with streaming(desk) as stream:
        await desk.made("/v1/events", {"type": "order.paid"})
        await stream.next()
        desk.serving.stop()
        assert await stream.ended()


async def test_a_deleted_endpoint_keeps_no_event_from_being_forgotten(
    stand: Stand, receiver: Receiver
):
    endpoint = (await stand.endpoint(receiver.url())).endpoint
    await stand.happen(stand.event())
    await stand.service.delete_endpoint(DeleteEndpoint(ANN, TEST, endpoint.id, "key_1"))
    # One that was made by somebody who still saw the endpoint enabled.
    stand.as_operator("UPDATE webhooks.delivery SET state = 'pending', settled_at = NULL")
    assert await work(await stand.worker()) == 0
    stand.clock.move(EVENTS_KEPT + timedelta(days=1))
    assert await forget_old(stand.database, stand.clock) == 1


async def test_only_the_head_of_a_stream_can_be_asked_for(desk: Desk):
    answered = await desk.ask("HEAD", "/v1/events/stream")
    assert (answered.status, answered.json) == (200, None)


async def test_old_events_are_forgotten_unless_somebody_waits_for_them(
    stand: Stand, receiver: Receiver
):
    await stand.endpoint(receiver.url(), "order.*")
    told, untold = await stand.happen(stand.event("order.paid"), stand.event())
    await work(await stand.worker())
    (waiting,) = await stand.happen(stand.event("order.refunded"))
    stand.clock.move(EVENTS_KEPT + timedelta(days=1))
    (young,) = await stand.happen(stand.event())
    assert await forget_old(stand.database, stand.clock) == 2
    assert [one.id for one in await all_events(stand)] == [young, waiting]
    with pytest.raises(UnknownEvent):
        await stand.service.event(ANN, TEST, told)
    with pytest.raises(UnknownEvent):
        await stand.service.event(ANN, TEST, untold)
    assert len(await stand.deliveries()) == 1

"""The request log: what is kept of a request, for whom, and that keeping it slows nobody."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.harness.waiting import until

from bezant.actor import Actor, Caller, Mode
from bezant.audit import RequestSeen, RequestsOf, UnknownRequest, gathering
from bezant.audit.gathering import RequestLog
from bezant.audit.service import AuditService
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.migrate import migrate
from bezant.db.schema import ModuleSchema
from bezant.errors import NotFound, Unavailable
from bezant.http.seen import Seen
from bezant.http.visit import Visit
from bezant.ids import Ids
from bezant.secret import Secret

MERCHANT, STRANGER = "mer_" + "1" * 32, "mer_" + "2" * 32


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def audit(empty_database: TestDatabase, clock: MovableClock) -> AsyncGenerator[AuditService]:
    password = Secret(MODULE_PASSWORD)
    await migrate(empty_database.administrator_dsn, [ModuleSchema("audit")], {"audit": password})
    dsn = empty_database.dsn("bezant_audit", MODULE_PASSWORD)
    database = await Database.open(dsn, name="audit", size_max=2, clock=clock)
    yield AuditService(database, clock, Ids(clock))
    await database.close()


def seen(number: int, *, tenant: str = MERCHANT, status: int = 200, **over: object) -> Seen:
    visit = Visit(f"req_{number:08x}")
    visit.actor = Actor(Caller.KEY, "key_1", tenant, Mode.TEST, frozenset())
    visit.status = status
    visit.path = {"payment": "pay_1"}
    visit.headers = {b"user-agent": b"curl/8"}
    for name, value in over.items():
        setattr(visit, name, value)
    return Seen(visit, "POST", "/v1/payments/{payment}", 0.012)


async def told(audit: AuditService, **query: object) -> list[str]:
    page = await audit.requests(RequestsOf(MERCHANT, Mode.TEST, **query))  # pyright: ignore[reportArgumentType]
    return [one.id for one in page.requests]


async def gathered(audit: AuditService, clock: MovableClock, *requests: Seen) -> RequestLog:
    log = RequestLog(audit, clock)
    for one in requests:
        log(one)
    await log.stop()
    return log


async def test_a_tenant_finds_its_own_requests_and_no_others(
    audit: AuditService, clock: MovableClock
):
    await gathered(
        audit, clock,
        seen(1), seen(2, status=422, problem=NotFound("there is no such payment")),
        seen(3, tenant=STRANGER), seen(4, actor=None), seen(5, idempotency_key="k-5"),
    )  # fmt: skip
    assert await told(audit) == ["req_00000005", "req_00000002", "req_00000001"]
    assert await told(audit, failed=True) == ["req_00000002"]
    assert await told(audit, failed=False, limit=1) == ["req_00000005"]
    assert await told(audit, code="not_found") == ["req_00000002"]
    assert await told(audit, before="req_00000002") == ["req_00000001"]
    assert await told(audit, about="pay_1", method="POST") != []
    assert await told(audit, about="pay_2") == []
    assert await told(audit, since=clock.now() + timedelta(seconds=1)) == []
    one = await audit.request(MERCHANT, Mode.TEST, "req_00000002")
    assert (one.code, one.detail) == ("not_found", "there is no such payment")
    assert (one.at, one.route) == (
        clock.now() - timedelta(milliseconds=12), "/v1/payments/{payment}",
    )  # fmt: skip
    for tenant, mode, name in (
        (MERCHANT, Mode.TEST, "req_00000003"), (MERCHANT, Mode.LIVE, "req_00000001"),
        (STRANGER, Mode.TEST, "req_00000001"),
    ):  # fmt: skip
        with pytest.raises(UnknownRequest):
            await audit.request(tenant, mode, name)
    with pytest.raises(UnknownRequest):
        await told(audit, before="req_00000003")


async def test_a_crowd_is_counted_and_its_failures_are_still_found(
    audit: AuditService, clock: MovableClock
):
    crowd = [seen(number) for number in range(1, 500)]
    log = await gathered(audit, clock, *crowd, seen(900, status=500), seen(901, tenant=STRANGER))
    page = await audit.requests(RequestsOf(MERCHANT, Mode.TEST, failed=True))
    assert [one.id for one in page.requests] == ["req_00000384"]
    assert log.dropped == len(crowd) - gathering.ANSWERED_A_SECOND
    assert (await audit.requests(RequestsOf(STRANGER, Mode.TEST))).requests


async def test_a_line_handed_over_twice_is_there_once(audit: AuditService, clock: MovableClock):
    line = RequestSeen(
        "req_1000", clock.now(), MERCHANT, Mode.TEST, Caller.KEY, "key_1", "GET", "/v1/x", "", 200,
        1_500, "192.0.2.1", "", "",
    )  # fmt: skip
    await audit.note_requests((line,))
    await audit.note_requests((line, line))
    assert await told(audit) == ["req_1000"]
    assert await audit.request(MERCHANT, Mode.TEST, "req_1000") == line


async def test_old_lines_are_dropped(audit: AuditService, clock: MovableClock):
    await gathered(audit, clock, seen(1))
    clock.move(timedelta(days=29))
    await gathered(audit, clock, seen(2))
    await audit.tidy()
    assert len(await told(audit)) == 2
    clock.move(timedelta(days=2))
    await audit.tidy()
    assert await told(audit) == ["req_00000002"]


async def test_an_audit_that_does_not_answer_costs_lines_and_nothing_else(clock: MovableClock):
    class Gone(AuditService):
        def __init__(self) -> None:
            self.calls = 0

        async def note_requests(self, requests: tuple[RequestSeen, ...]) -> None:
            self.calls += 1
            raise Unavailable

    gone = Gone()
    log = RequestLog(gone, clock)
    log.start()
    log(seen(1))
    await until(lambda: gone.calls > 0, "the log tried to hand over")
    log(seen(2))
    await asyncio.wait_for(log.stop(), 30)
    assert log.dropped == 2


async def test_what_looks_like_a_card_or_a_key_is_masked(audit: AuditService, clock: MovableClock):
    card, secret = "4242424242424242", "sk_test_" + "a" * 30
    await gathered(
        audit, clock,
        seen(1, path={"payment": card}, idempotency_key=secret,
             headers={b"user-agent": f"curl {card}".encode()}),
    )  # fmt: skip
    line = await audit.request(MERCHANT, Mode.TEST, "req_00000001")
    assert card not in repr(line)
    assert secret not in repr(line)
    assert line.agent.startswith("curl ")

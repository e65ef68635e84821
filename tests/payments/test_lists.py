"""Lists: read from either end, cut by time, and shown with what belongs beside each item."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.counter import Counter, opened_counter
from tests.payments.events import signed, written

from bezant.actor import Actor, Caller, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.http.caller import PermissionMissing
from bezant.payments.http import expanding
from bezant.payments.port import Arrival, DisputesOf, ManyOf

Json = dict[str, Any]
SECOND = timedelta(seconds=1)


@pytest.fixture
async def counter(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with opened_counter(payments_database, clock, tmp_path) as counter:
        yield counter


async def listed(counter: Counter, query: str) -> list[Json]:
    answer = await counter.get(query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def named(counter: Counter, query: str) -> list[str]:
    return [one["id"] for one in await listed(counter, query)]


async def refund(counter: Counter, payment: object, amount: str, **more: object) -> Json:
    body = {"payment": payment, "amount": {"amount": amount, "asset": "EUR"}, **more}
    answer = await counter.send("POST", "/v1/refunds", body, by=counter.ann.keys["finance"])
    assert answer.status_code == 201, answer.text
    return answer.json()


async def walked_both_ways(counter: Counter, path: str, newest_first: Sequence[str]) -> None:
    """Read a list in pages of two from the front, and back again; it is the same list."""
    down: list[str] = []
    more, cursor = True, ""
    while more:
        page = (await counter.get(f"{path}?limit=2{cursor}")).json()
        down += [one["id"] for one in page["data"]]
        more, cursor = page["has_more"], f"&starting_after={down[-1]}"
    assert down == list(newest_first)
    up: list[str] = [down[-1]]
    more = True
    while more:
        page = (await counter.get(f"{path}?limit=2&ending_before={up[0]}")).json()
        assert page["data"], "there is more, it was said"
        up = [*(one["id"] for one in page["data"]), *up]
        more = page["has_more"]
    assert up == down
    first = (await counter.get(f"{path}?ending_before={down[0]}")).json()
    assert (first["data"], first["has_more"]) == ([], False)
    for wrong in ("ending_before=", "ending_before=nothing"):
        refused = await counter.get(f"{path}?{wrong}")
        assert (refused.status_code, refused.json()["field"]) == (400, "ending_before")
    both = await counter.get(f"{path}?ending_before={down[0]}&starting_after={down[1]}")
    assert (both.status_code, both.json()["code"]) == (400, "cursors_exclude")


async def test_payments_and_refunds_are_read_from_either_end(counter: Counter) -> None:
    made = [await counter.paid(f"{n}.00") for n in range(2, 7)]
    await walked_both_ways(counter, "/v1/payments", [str(one["id"]) for one in reversed(made)])
    given: list[str] = []
    for one in made:
        counter.till.clock.move(SECOND)
        given.append((await refund(counter, one["id"], "1.00"))["id"])
    await walked_both_ways(counter, "/v1/refunds", given[::-1])


async def test_customers_are_read_from_either_end_and_found_by_what_is_known(
    counter: Counter,
) -> None:
    made: list[str] = []
    for number, name in enumerate(("Eva Stein", "Ben 100%", "Eva Holz", "Mia", "Noa")):
        counter.till.clock.move(SECOND)
        body = {"name": name, "email": f"p{number}@example.com", "metadata": {"n": str(number % 2)}}
        made.append((await counter.send("POST", "/v1/customers", body)).json()["id"])
    await walked_both_ways(counter, "/v1/customers", made[::-1])
    assert await named(counter, "/v1/customers?query=eva") == [made[2], made[0]]
    assert await named(counter, "/v1/customers?query=P3%40") == [made[3]]
    assert await named(counter, "/v1/customers?query=100%25") == [made[1]], "a sign as written"
    assert await named(counter, "/v1/customers?query=%25&email=p0%40example.com") == []
    assert await named(counter, "/v1/customers?metadata=n:1") == [made[3], made[1]]
    assert await named(counter, "/v1/customers?metadata=n:1&query=mia") == [made[3]]
    at = (await counter.get(f"/v1/customers/{made[2]}")).json()["created_at"]
    assert await named(counter, f"/v1/customers?created[gt]={at}") == [made[4], made[3]]
    bob = await counter.get("/v1/customers?query=eva", by=counter.bob.keys["developer"])
    assert bob.json()["data"] == []


async def test_disputes_are_read_from_either_end_and_cut_by_time(counter: Counter) -> None:
    till, made = counter.till, list[str]()
    for number in range(5):
        payment = await counter.paid()
        till.clock.move(SECOND)
        thing = {
            "id": f"dsp_{number}", "authorisation": payment["reference"], "asset": "EUR",
            "amount": "2000", "status": "open", "reason": "fraudulent",
        }  # fmt: skip
        body = written("dispute.opened", thing)
        await till.payments.arrive(Arrival("card", Mode.TEST, signed(till.clock, body), body))
        await till.acted()
        whose = counter.ann.merchant
        found = await till.payments.disputes(DisputesOf(whose, Mode.TEST, str(payment["id"])))
        (dispute,) = found.disputes
        made.append(dispute.id)
    await walked_both_ways(counter, "/v1/disputes", made[::-1])
    at = (await counter.get(f"/v1/disputes/{made[1]}")).json()["opened_at"]
    assert await named(counter, f"/v1/disputes?created[lte]={at}") == [made[1], made[0]]
    assert await named(counter, f"/v1/disputes?created[lt]={at}") == [made[0]]


@pytest.mark.parametrize("path", ["/v1/payments", "/v1/refunds"])
async def test_each_bound_of_time_means_what_it_says(counter: Counter, path: str) -> None:
    made: list[Json] = []
    for _ in range(3):
        one: Any = await counter.paid()
        counter.till.clock.move(SECOND)
        made.append(one if path == "/v1/payments" else await refund(counter, one["id"], "1.00"))
    first, second, third = (one["id"] for one in made)
    at = made[1]["created_at"]
    for query, expected in (
        (f"created[gte]={at}", [third, second]),
        (f"created[gt]={at}", [third]),
        (f"created[lte]={at}", [second, first]),
        (f"created[lt]={at}", [first]),
        (f"created_from={at}", [third, second]),
        (f"created_until={at}", [first]),
        (f"created[gte]={at}&created[lte]={at}", [second]),
        (f"created[gt]={at}&created_from={made[0]['created_at']}", [third]),
        (f"created[gt]={at}&created[lt]={at}", []),
    ):
        assert await named(counter, f"{path}?{query}") == expected, query
    for wrong in ("created[gte]", "created[lte]", "created_from"):
        refused = await counter.get(f"{path}?{wrong}=2026-11-20T12:00:00")
        assert (refused.status_code, refused.json()["field"]) == (400, wrong)
    refused = await counter.get(f"{path}?created[gte]=yesterday")
    assert refused.status_code == 400
    refused = await counter.get(f"{path}?created[lte]=9999-12-31T23:59:59.999999Z")
    assert (refused.status_code, refused.json()["field"]) == (400, "created[lte]")
    refused = await counter.get(f"{path}?created[eq]={at}")
    assert (refused.status_code, refused.json()["code"]) == (400, "parameter_unknown")


async def test_a_list_shows_what_belongs_to_each_payment(counter: Counter) -> None:
    eva = (await counter.send("POST", "/v1/customers", {"name": "Eva"})).json()
    plain = await counter.paid("5.00")
    bought = await counter.paid("9.00", customer=eva["id"])
    given = [await refund(counter, bought["id"], amount) for amount in ("1.00", "2.00")]
    expand = "expand[]=attempts&expand[]=refunds&expand[]=customer"
    for path in ("/v1/payments", "/v1/payments/search"):
        query = f"&query={bought['id']}" if path.endswith("search") else ""
        shown = {one["id"]: one for one in await listed(counter, f"{path}?{expand}{query}")}
        one = shown[bought["id"]]
        assert one["customer_object"]["name"] == "Eva"
        assert {x["id"] for x in one["refunds"]} == {x["id"] for x in given}
        assert [x["operation"] for x in one["attempts"]] == ["charge", "refund", "refund"]
        alone = (await counter.get(f"/v1/payments/{bought['id']}?{expand}")).json()
        assert alone == one, "beside one payment stands what stands beside it in a list"
    other = {one["id"]: one for one in await listed(counter, f"/v1/payments?{expand}")}[plain["id"]]
    assert (other["refunds"], other["customer_object"]) == ([], None)
    (bare,) = [one for one in await listed(counter, "/v1/payments") if one["id"] == plain["id"]]
    assert (bare["refunds"], bare["attempts"], bare["customer_object"]) == (None, None, None)


async def test_a_list_of_refunds_shows_their_payments_and_is_found_by_notes(
    counter: Counter,
) -> None:
    made = [await counter.paid(f"{n}.00") for n in (3, 4)]
    given = [await refund(counter, one["id"], "1.00", metadata={"why": "late"}) for one in made]
    shown = await listed(counter, "/v1/refunds?expand[]=payment")
    assert {one["id"] for one in shown} == {one["id"] for one in given}
    for one in shown:
        payment = (await counter.get(f"/v1/payments/{one['payment']}")).json()
        assert one["payment_object"].items() <= payment.items()
    assert len(await named(counter, "/v1/refunds?metadata=why:late")) == 2
    assert await named(counter, "/v1/refunds?metadata=why:early") == []
    refused = await counter.get("/v1/refunds?expand[]=everything")
    assert refused.status_code == 400


async def test_a_longer_page_asks_no_more_often(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    eva = (await counter.send("POST", "/v1/customers", {"name": "Eva"})).json()
    for amount in ("2.00", "3.00", "4.00", "5.00"):
        made = await counter.paid(amount, customer=eva["id"])
        await refund(counter, made["id"], "1.00")
    asked: list[str] = []
    fetch_all = Database.fetch_all

    async def counted(self: Database, row: Any, sql: Any, params: Any = ()) -> Any:
        asked.append(str(sql))
        return await fetch_all(self, row, sql, params)

    monkeypatch.setattr(Database, "fetch_all", counted)
    expand = "expand[]=attempts&expand[]=refunds&expand[]=customer"
    numbers: list[int] = []
    for limit in (1, 4):
        asked.clear()
        assert len(await listed(counter, f"/v1/payments?limit={limit}&{expand}")) == limit
        numbers.append(len(asked))
    assert numbers[0] == numbers[1] == 5, "the page, and once for each kind and their payments"


async def test_things_of_others_are_left_out(counter: Counter) -> None:
    made = str((await counter.paid())["id"])
    eva = (await counter.send("POST", "/v1/customers", {"name": "Eva"})).json()["id"]
    await refund(counter, made, "1.00")
    payments = counter.till.payments
    for tenant, mode, found in (
        (counter.ann.merchant, Mode.TEST, 1),
        (counter.bob.merchant, Mode.TEST, 0),
        (counter.ann.merchant, Mode.LIVE, 0),
        ("platform", Mode.TEST, 1),
        ("platform", Mode.LIVE, 0),
    ):
        many = await payments.many(ManyOf(tenant, mode, (made,), (eva,), (made,), (made,)))
        seen = [len(many.payments), len(many.customers), len(many.attempts), len(many.refunds)]
        assert seen == [found] * 4, (tenant, mode)


async def test_names_are_not_shown_to_whoever_may_read_payments_only(counter: Counter) -> None:
    """A key may be cut down to payments: then it learns who paid by no detour."""
    made = await counter.paid()
    found = await counter.till.payments.payment(counter.ann.merchant, Mode.TEST, str(made["id"]))
    port = counter.till.payments
    for permissions, refused in ((("payments.read",), True), (("customers.read",), False)):
        asker = Actor(Caller.KEY, "key_1", counter.ann.merchant, Mode.TEST, frozenset(permissions))
        if refused:
            with pytest.raises(PermissionMissing):
                await expanding.payments(port, asker, [found], [expanding.Beside.CUSTOMER])
        else:
            assert await expanding.payments(port, asker, [found], [expanding.Beside.CUSTOMER])

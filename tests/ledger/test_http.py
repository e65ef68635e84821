"""What the book's door answers: both lanes alike, repeats said aloud, tables without formulas."""

import csv
import io
from typing import cast

import pytest
from tests.ledger.desk import Desk, Json, amount, client_of, leg, moving, problem

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.errors import OutcomeUnknown
from bezant.ledger import ChartAccount, Ledger, Leg, PostTransfer, Side, Transfer
from bezant.money import EUR


@pytest.mark.requirement("S001-4", part="ledger over HTTP")
async def test_the_way_of_some_money(desk: Desk):
    a, b = await desk.funded("100.00", owner="ada"), await desk.account(owner="ben")
    lunch = await desk.post(
        "/v1/transfers", moving(a, b, "12.50", reference="lunch", metadata={"table": "4"})
    )
    told = lunch.json()
    assert (lunch.status_code, told["object"], told["kind"]) == (201, "transfer", "post")
    assert told["legs"] == [leg(a, "debit", "12.50"), leg(b, "credit", "12.50")]
    found = await desk.get("/v1/transfers", reference="lunch")
    assert [one["id"] for one in found.json()["data"]] == [told["id"]]
    hold = (await desk.post("/v1/holds", {"account": a, "to": b, "amount": amount("20.00")})).json()
    part = await desk.post(f"/v1/holds/{hold['id']}/capture", {"amount": amount("5.00")})
    assert (part.json()["kind"], part.json()["subject"]) == ("capture", hold["id"])
    void = await desk.post(f"/v1/holds/{hold['id']}/void", {})
    assert (void.json()["state"], void.json()["remaining"]) == ("voided", amount("0.00"))
    balance = (await desk.get(f"/v1/accounts/{a}/balance")).json()
    assert (balance["posted"], balance["held"]) == (amount("82.50"), amount("0.00"))
    right_after = await desk.get(f"/v1/accounts/{a}/balance", position=told["id"])
    assert right_after.json()["posted"] == amount("87.50")
    trial = (await desk.get("/v1/reports/trial-balance")).json()["assets"][0]
    assert trial["difference"] == amount("0.00")
    reconciled = (await desk.post("/v1/reconcile", {}, by=desk.ann.finance)).json()
    assert (reconciled["differences"], reconciled["accounts"]) == ([], 3)
    (ledger,) = (await desk.get("/v1/ledgers")).json()["data"]
    assert (ledger["asset"], ledger["transfers"], len(ledger["head"])) == ("EUR", 8, 64)


async def test_both_lanes_write_a_transfer_and_a_hold_alike(desk: Desk):
    a, b = await desk.funded("100.00"), await desk.account()
    body = moving(
        a, b, "1.00", reference="r", reason="why", occurred_at="2026-02-28T23:30:00.123456+01:00",
        metadata={"b": "2", "a": "1"},
    )  # fmt: skip
    quick = (await desk.post("/v1/transfers", body)).json()
    assert (await desk.get(f"/v1/transfers/{quick['id']}")).json() == quick
    assert (await desk.get("/v1/transfers", reference="r")).json()["data"] == [quick]
    assert quick["occurred_at"] == "2026-02-28T22:30:00.123456Z"
    batch = await desk.post("/v1/transfers/batch", {"transfers": [{**body, "id": "x"}]})
    (outcome,) = batch.json()["outcomes"]
    assert outcome["transfer"].keys() == quick.keys()
    linked = await desk.post("/v1/transfers/linked", {"transfers": [body]})
    assert linked.json()["transfers"][0].keys() == quick.keys()
    place = {
        "account": a, "to": b, "amount": amount("2.00"), "expires_at": "2026-03-02T00:00:00Z",
        "reference": "h", "metadata": {"c": "3"},
    }  # fmt: skip
    hold = (await desk.post("/v1/holds", place)).json()
    assert (await desk.get(f"/v1/holds/{hold['id']}")).json() == hold


async def test_a_repeat_answers_the_first_record_and_says_so(desk: Desk):
    a, b = await desk.funded("100.00"), await desk.account()
    moved = (await desk.post("/v1/transfers", moving(a, b, "1.00"))).json()["id"]
    hold = {"account": a, "to": b, "amount": amount("3.00")}
    first_hold = (await desk.post("/v1/holds", hold)).json()["id"]
    second_hold = (await desk.post("/v1/holds", hold)).json()["id"]
    calls: dict[str, Json] = {
        "/v1/transfers": moving(a, b, "2.00"),
        "/v1/holds": hold,
        "/v1/transfers/linked": {"transfers": [moving(a, b, "1.00"), moving(b, a, "0.50")]},
        f"/v1/transfers/{moved}/reverse": {"reason": "mistake"},
        f"/v1/holds/{first_hold}/capture": {},
        f"/v1/holds/{second_hold}/void": {},
    }
    for path, body in calls.items():
        first = await desk.post(path, body, key=path)
        before = desk.rows()
        again = await desk.post(path, body, key=path)
        assert first.status_code == again.status_code, (first.text, again.text)
        assert first.status_code in {200, 201}, first.text
        assert again.json() == first.json(), path
        told = [one.headers.get("idempotent-replayed") for one in (first, again)]
        assert told == [None, "true"], path
        assert desk.rows() == before


async def test_a_repeat_among_many_is_said_beside_its_answer(desk: Desk):
    a, b = await desk.funded("100.00"), await desk.account()
    body = {"transfers": [moving(a, b, "1.00"), {**moving(a, b, "2.00"), "id": "mine"}]}
    first = await desk.post("/v1/transfers/batch", body, key="many")
    again = await desk.post("/v1/transfers/batch", body, key="many")
    assert [one.get("replayed") for one in first.json()["outcomes"]] == [None, None]
    assert [one.get("replayed") for one in again.json()["outcomes"]] == [True, True]
    alone = await desk.post("/v1/transfers", moving(a, b, "2.00"), key="mine")
    assert alone.headers["idempotent-replayed"] == "true"
    assert await desk.balance(b) == "3.00"


async def test_the_largest_and_the_smallest_amounts_come_back_as_they_went(desk: Desk):
    for asset, text in (
        ("ETH", "0.000000000000000001"),
        ("ETH", f"{10**12}.{'0' * 17}1"),
        ("JPY", str(10**30)),
    ):
        account = await desk.funded(text, asset)
        assert await desk.balance(account) == text


async def test_a_page_goes_on_where_the_last_one_ended(desk: Desk):
    a, b = await desk.funded("100.00"), await desk.account()
    made = [(await desk.post("/v1/transfers", moving(a, b, "1.00"))).json()["id"] for _ in range(5)]
    for path, whose in (("/v1/transfers", {"account": b}), (f"/v1/accounts/{b}/statement", {})):
        seen: list[str] = []
        query = {"limit": "2", **whose}
        while True:
            page = (await desk.get(path, **query)).json()
            assert page["object"] == "list"
            seen += [str(one.get("transfer", one.get("id"))) for one in page["data"]]
            if not page["has_more"]:
                break
            query["starting_after"] = seen[-1]
        assert seen[:5] == made[::-1]


async def test_tables_hold_no_formula_and_every_cent(desk: Desk):
    names = ("=1+1", "+1", "-1", "@SUM(A1)", 'a "b", c', "ada")
    accounts = [await desk.account(owner=name, floor=None) for name in names]
    bank = await desk.account(type="asset", floor=None)
    for name, account in zip(names, accounts, strict=True):
        body = moving(bank, account, "1234567.89", reference=name, reason=name)
        assert (await desk.post("/v1/transfers", body)).status_code == 201
    report = await desk.get("/v1/reports/daily", on="2026-03-01", format="csv")
    assert report.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    rows = list(csv.DictReader(io.StringIO(report.text)))
    safe = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", 'a "b", c', "ada"]
    assert [row["owner"] for row in rows if row["type"] == "liability"] == safe
    assert {row["closing"] for row in rows if row["type"] == "liability"} == {"1234567.89"}
    as_json = (await desk.get("/v1/reports/daily", on="2026-03-01")).json()["lines"]
    assert [row["account"] for row in rows] == [line["account"] for line in as_json]
    page = await desk.get(f"/v1/accounts/{bank}/statement", format="csv")
    lines = list(csv.DictReader(io.StringIO(page.text)))
    assert [line["reference"] for line in lines if line["amount"] != "0.00"] == safe[::-1]
    assert [line["reason"] for line in lines if line["amount"] != "0.00"] == safe[::-1]
    assert lines[0]["balance"] == "7407407.34"
    assert lines[0]["side"] == "debit"


@pytest.mark.requirement("S002-4", part="reports")
@pytest.mark.parametrize(
    ("period", "starts", "ends"),
    [
        ("daily", "2026-03-01", "2026-03-02"),
        ("weekly", "2026-02-23", "2026-03-02"),
        ("monthly", "2026-03-01", "2026-04-01"),
    ],
)
async def test_a_report_covers_a_day_a_week_or_a_month(
    desk: Desk, period: str, starts: str, ends: str
):
    account = await desk.funded("10.00")
    told = (await desk.get(f"/v1/reports/{period}", on="2026-03-01")).json()
    assert (told["starts_at"], told["ends_at"]) == (f"{starts}T00:00:00Z", f"{ends}T00:00:00Z")
    (line,) = [one for one in told["lines"] if one["account"] == account]
    assert (line["opening"], line["closing"]) == (amount("0.00"), amount("10.00"))


async def test_merchants_see_and_move_only_what_is_theirs(desk: Desk):
    mine, to = await desk.funded("100.00"), await desk.account()
    theirs = await desk.funded("100.00", by=desk.bob.test)
    platform = (await desk.shelf.ledger.chart_account(ChartAccount("equity", Mode.TEST, "EUR"))).id
    paid = await desk.shelf.ledger.post(
        PostTransfer(
            "both", PLATFORM, Mode.TEST,
            (Leg(platform, Side.DEBIT, EUR(5_00)), Leg(mine, Side.CREDIT, EUR(5_00))),
        )
    )  # fmt: skip
    moved = (await desk.post("/v1/transfers", moving(mine, to, "1.00"))).json()["id"]
    place = {"account": mine, "to": to, "amount": amount("1.00")}
    hold = (await desk.post("/v1/holds", place)).json()["id"]
    before, bob = desk.rows(), desk.bob.test

    for stranger in (theirs, platform):
        for body in (moving(mine, stranger, "1.00"), moving(stranger, mine, "1.00")):
            for path in ("/v1/transfers", "/v1/transfers/rehearse"):
                assert problem(await desk.post(path, body))[:2] == (404, "unknown_account")
        for end in ("", "/balance", "/statement"):
            answer = await desk.get(f"/v1/accounts/{stranger}{end}")
            assert problem(answer)[:2] == (404, "unknown_account")
        change = await desk.post(f"/v1/accounts/{stranger}", {"state": "frozen"}, method="PATCH")
        assert problem(change)[:2] == (404, "unknown_account")
        held = await desk.post("/v1/holds", {**place, "to": stranger})
        assert problem(held)[:2] == (404, "unknown_account")
    assert problem(await desk.get(f"/v1/transfers/{moved}", by=bob))[1] == "unknown_transfer"
    back = await desk.post(f"/v1/transfers/{moved}/reverse", {}, by=bob)
    assert problem(back)[1] == "unknown_transfer"
    own_back = await desk.post(f"/v1/transfers/{paid.id}/reverse", {})
    assert problem(own_back)[1] == "unknown_transfer"
    assert problem(await desk.get(f"/v1/holds/{hold}", by=bob))[1] == "unknown_hold"
    for step in ("capture", "void"):
        taken = await desk.post(f"/v1/holds/{hold}/{step}", {}, by=bob)
        assert problem(taken)[1] == "unknown_hold"
    assert desk.rows() == before

    seen = (await desk.get(f"/v1/transfers/{paid.id}")).json()
    assert [one["account"] for one in seen["legs"]] == [mine]  # The other leg is not ours to see.
    listed = (await desk.get("/v1/accounts", by=bob)).json()["data"]
    assert theirs in [one["id"] for one in listed]
    assert mine not in [one["id"] for one in listed]
    assert (await desk.post("/v1/reconcile", {}, by=desk.bob.finance)).json()["accounts"] == 2


async def test_test_and_live_are_two_worlds(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    live = desk.ann.live
    mine = await desk.account(by=live)
    across = await desk.post("/v1/transfers", moving(a, b, "1.00"), by=live)
    assert problem(across)[:2] == (404, "unknown_account")
    mixed = await desk.post("/v1/transfers", moving(mine, b, "1.00"), by=live)
    assert problem(mixed) == (422, "wrong_asset", "legs")
    assert problem(await desk.get(f"/v1/accounts/{a}", by=live))[:2] == (404, "unknown_account")
    assert (await desk.get("/v1/accounts", by=live)).json()["data"][0]["mode"] == "live"
    first = await desk.post("/v1/accounts", {"asset": "EUR", "type": "equity"}, key="one")
    other = await desk.post("/v1/accounts", {"asset": "EUR", "type": "equity"}, key="one", by=live)
    assert first.json()["id"] != other.json()["id"]


async def test_a_key_that_may_not_is_turned_away(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    before = desk.rows()
    page = await desk.post("/v1/transfers", moving(a, b, "1.00"), by=desk.ann.publishable)
    assert problem(page)[:2] == (403, "insufficient_permissions")
    assert problem(await desk.get("/v1/accounts", by=desk.ann.publishable))[0] == 403
    wrong = await desk.post("/v1/transfers", moving(a, b, "1.00"), by="sk_test_nobody")
    assert problem(wrong)[0] == 401
    nobody = await desk.client.post("/v1/transfers", json=moving(a, b, "1.00"))
    assert problem(nobody)[:2] == (401, "credential_missing")
    assert desk.rows() == before


class Doubtful:
    """A book whose commit was lost: nobody knows yet what became of it."""

    async def post(self, command: PostTransfer) -> Transfer:
        raise OutcomeUnknown(retry_after_seconds=1)


async def test_an_outcome_nobody_knows_yet_is_503_and_the_same_key_tells_later(
    desk: Desk, clock: MovableClock
):
    a, b = await desk.funded("10.00"), await desk.account()
    doubtful = cast("Ledger", Doubtful())
    async with client_of(doubtful, desk.identity, clock) as client:
        answer = await client.post(
            "/v1/transfers",
            json=moving(a, b, "1.00"),
            headers={"x-api-key": desk.ann.test, "idempotency-key": "doubtful"},
        )
    assert problem(answer)[:2] == (503, "outcome_unknown")
    assert answer.headers["retry-after"] == "1"
    later = await desk.post("/v1/transfers", moving(a, b, "1.00"), key="doubtful")
    assert later.status_code == 201

"""The book as the family of people paying people knows it: users, currencies, transactions."""

import asyncio
import hashlib
import json

import pytest
from tests.ledger.desk import Desk, Json, leg, problem

pytestmark = pytest.mark.requirement(
    "S002-4", part="transactions, balances and reconcile over HTTP"
)
PATH = "/ledger/transactions"


def paying(source: str, target: str, text: object, **more: object) -> Json:
    return {"fromUserId": source, "toUserId": target, "amount": text, "currency": "EUR", **more}


async def has(desk: Desk, user: str, currency: str = "EUR") -> str:
    answer = await desk.get(f"/ledger/balances/{user}/{currency}")
    assert answer.status_code == 200, answer.text
    return answer.json()["balance"]


async def test_the_way_of_some_money_between_people(people_desk: Desk):
    desk = people_desk
    paid_in = await desk.post(PATH, paying("external", "ada", "100.00"), key=None)
    assert paid_in.status_code == 201, paid_in.text
    sent = await desk.post(
        PATH,
        paying("ada", "ben", 12.5, description="Lunch", transactionId="t-1", metadata={"a": "b"}),
        key=None,
    )
    told = sent.json()
    assert (sent.status_code, told["transactionId"], told["status"]) == (201, "t-1", "posted")
    assert told["entries"] == [
        {"userId": "ada", "type": "debit", "amount": "12.50"},
        {"userId": "ben", "type": "credit", "amount": "12.50"},
    ]
    assert (told["currency"], told["description"], told["metadata"]) == ("EUR", "Lunch", {"a": "b"})
    balance = (await desk.get("/ledger/balances/ada/EUR")).json()
    assert balance == {
        "userId": "ada", "currency": "EUR", "balance": "87.50", "held": "0.00",
        "available": "87.50", "position": told["id"],
    }  # fmt: skip
    assert (await has(desk, "ben"), await has(desk, "external")) == ("12.50", "100.00")
    listed = (await desk.get(f"{PATH}/ada")).json()
    assert listed["transactions"] == [told, paid_in.json()]
    assert (listed["userId"], listed["hasMore"]) == ("ada", False)
    reconciled = await desk.post("/ledger/reconcile", {}, key=None, by=desk.ann.finance)
    assert reconciled.status_code == 200
    found = reconciled.json()
    assert (found["status"], found["accounts"], found["differences"]) == ("balanced", 3, [])


async def test_a_transaction_carries_a_checksum_its_reader_recomputes(people_desk: Desk):
    answer = await people_desk.post(PATH, paying("external", "ada", "1.00", transactionId="ü"))
    told = answer.json()
    covered = {name: told[name] for name in told.keys() - {"checksum", "status"}}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == told["checksum"]
    (again,) = (await people_desk.get(f"{PATH}/ada")).json()["transactions"]
    assert again["checksum"] == told["checksum"]


async def test_entries_of_several_users_are_one_transaction(people_desk: Desk):
    desk = people_desk
    entries = [
        {"userId": "external", "type": "debit", "amount": "9.99"},
        {"userId": "ada", "type": "credit", "amount": 3.33},
        {"userId": "ben", "type": "credit", "amount": "6.66"},
    ]
    answer = await desk.post(PATH, {"entries": entries, "currency": "EUR"})
    assert answer.status_code == 201, answer.text
    assert (await has(desk, "ada"), await has(desk, "ben")) == ("3.33", "6.66")


async def test_a_number_is_read_from_its_own_characters(people_desk: Desk):
    desk = people_desk
    exact = b'{"fromUserId":"external","toUserId":"ada","amount":%s,"currency":"ETH"}'
    many = b"1234567890123.000000000000000001"
    assert (await desk.post(PATH, exact % many)).status_code == 201
    assert await has(desk, "ada", "ETH") == many.decode()
    before = desk.rows()
    for text, code in {
        b"1e2": "malformed_amount", b"1E2": "malformed_amount", b"1.5e0": "malformed_amount",
        b'"1e2"': "malformed_amount", b'"NaN"': "malformed_amount", b'""': "malformed_amount",
        b"null": "malformed_amount", b"true": "malformed_amount", b"[1]": "malformed_amount",
        b'{"amount":"1","asset":"ETH"}': "malformed_amount", b'" 1"': "malformed_amount",
        b"0.0000000000000000001": "too_many_decimals", b"-1": "leg_amount", b"0": "leg_amount",
        b"-0.0": "leg_amount",
    }.items():  # fmt: skip
        assert problem(await desk.post(PATH, exact % text)) == (400, code, "amount"), text
    for text in (b"NaN", b"Infinity", b"01", b".5", b"+1", b"1_000"):
        assert problem(await desk.post(PATH, exact % text))[:2] == (400, "malformed_json"), text
    assert desk.rows() == before


MISTAKES: dict[str, tuple[Json, int, str, str | None]] = {
    "no amount": ({"amount": None}, 400, "malformed_amount", "amount"),
    "too exact": ({"amount": 1.001}, 400, "too_many_decimals", "amount"),
    "no such currency": ({"currency": "XQQ"}, 400, "unknown_asset", "currency"),
    "nobody pays": ({"fromUserId": ""}, 400, "invalid", "fromUserId"),
    "nobody is paid": ({"toUserId": ""}, 400, "invalid", "toUserId"),
    "to themselves": ({"toUserId": "ada"}, 400, "malformed_transfer", "entries"),
    "a stranger pays": ({"fromUserId": "zoe"}, 404, "unknown_account", "fromUserId"),
    "more than there is": ({"amount": "10.01"}, 422, "insufficient_funds", "legs"),
    "a long number": ({"transactionId": "x" * 201}, 400, "field_invalid", "transactionId"),
    "both ways": (
        {"entries": [{"userId": "ada", "type": "debit", "amount": "1"}]},
        400, "malformed_transfer", "entries",
    ),
    "a misspelt field": ({"form": "ada"}, 400, "field_unknown", None),
    "snake case": ({"from_user_id": "ada"}, 400, "field_unknown", None),
}  # fmt: skip
ENTRIES: dict[str, tuple[list[Json], int, str, str | None]] = {
    "unbalanced": (
        [
            {"userId": "ada", "type": "debit", "amount": "1.00"},
            {"userId": "new", "type": "credit", "amount": "1.01"},
        ],
        400, "unbalanced", "entries",
    ),
    "none": ([], 400, "malformed_transfer", "entries"),
    "a number too exact": (
        [
            {"userId": "ada", "type": "debit", "amount": "1.00"},
            {"userId": "new", "type": "credit", "amount": 1.001},
        ],
        400, "too_many_decimals", "entries[1].amount",
    ),
    "a stranger pays": (
        [
            {"userId": "zoe", "type": "debit", "amount": "1.00"},
            {"userId": "new", "type": "credit", "amount": "1.00"},
        ],
        404, "unknown_account", "entries[0].userId",
    ),
    "a third side": (
        [{"userId": "ada", "type": "left", "amount": "1.00"}],
        400, "field_invalid", "entries[0].type",
    ),
}  # fmt: skip


async def test_every_mistake_is_named_and_writes_nothing(people_desk: Desk):
    desk = people_desk
    for user in ("ada", "ben"):
        paid = await desk.post(PATH, paying("external", user, "10.00"))
        assert paid.status_code == 201
    before = desk.rows()
    for name, (change, *expected) in MISTAKES.items():
        answer = await desk.post(PATH, {**paying("ada", "ben", "1.00"), **change})
        assert problem(answer) == tuple(expected), name
    for name, (entries, *expected) in ENTRIES.items():
        answer = await desk.post(PATH, {"entries": entries, "currency": "EUR"})
        assert problem(answer) == tuple(expected), name
    assert desk.rows() == before
    for path in ("/ledger/balances/zoe/EUR", "/ledger/balances/ada/USD"):
        assert problem(await desk.get(path)) == (404, "unknown_account", "userId")
    unknown = await desk.get("/ledger/balances/ada/euro")
    assert problem(unknown) == (400, "unknown_asset", "currency")


async def test_a_number_of_the_clients_own_makes_it_happen_once(people_desk: Desk):
    desk = people_desk
    await desk.post(PATH, paying("external", "ada", "10.00"))
    body = paying("ada", "ben", "1.00", transactionId="order 7")
    first = await desk.post(PATH, body, key=None)
    again = await desk.post(PATH, body, key=None)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = await desk.post(PATH, {**body, "amount": "2.00"}, key=None)
    assert problem(other)[:2] == (422, "id_reused")
    keyed = await desk.post(PATH, paying("ada", "ben", "1.00"), key="k")
    assert (await desk.post(PATH, paying("ada", "ben", "1.00"), key="k")).json() == keyed.json()
    for _ in range(2):  # Without any key each request is another payment.
        assert (await desk.post(PATH, paying("ada", "ben", "1.00"), key=None)).status_code == 201
    assert await has(desk, "ben") == "4.00"


async def test_a_user_credited_many_times_at_once_has_one_account(people_desk: Desk):
    desk = people_desk
    answers = await asyncio.gather(
        *(desk.post(PATH, paying("external", "ada", "1.00")) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert await has(desk, "ada") == "20.00"
    assert desk.rows()["account"] == 2


async def test_a_users_account_is_found_whoever_opened_it_and_never_guessed(people_desk: Desk):
    desk = people_desk
    own = await desk.account(owner="ada", floor=None)
    bank = await desk.account(type="asset", floor=None, owner="bank")
    legs = {"legs": [leg(bank, "debit", "5.00"), leg(own, "credit", "5.00")]}
    assert (await desk.post("/v1/transfers", legs)).status_code == 201
    assert await has(desk, "ada") == "5.00"
    await desk.account(owner="ada")
    before = desk.rows()
    answer = await desk.post(PATH, paying("external", "ada", "1.00"))
    assert problem(answer)[:2] == (422, "several_accounts")
    assert problem(await desk.get("/ledger/balances/ada/EUR"))[:2] == (422, "several_accounts")
    assert desk.rows()["entry"] == before["entry"]


async def test_users_belong_to_one_merchant_and_one_mode(people_desk: Desk):
    desk = people_desk
    await desk.post(PATH, paying("external", "ada", "5.00"))
    for other in (desk.bob.test, desk.ann.live):
        answer = await desk.get("/ledger/balances/ada/EUR", by=other)
        assert problem(answer)[:2] == (404, "unknown_account")
        assert (await desk.get(f"{PATH}/ada", by=other)).json()["transactions"] == []
        stolen = await desk.post(PATH, paying("ada", "eve", "1.00"), by=other)
        assert problem(stolen)[:2] == (404, "unknown_account")
    page = await desk.post(PATH, paying("external", "ada", "1.00"), by=desk.ann.publishable)
    assert problem(page)[0] == 403


async def test_a_page_of_transactions_goes_on_where_the_last_one_ended(people_desk: Desk):
    desk = people_desk
    made = [
        (await desk.post(PATH, paying("external", "ada", "1.00"))).json()["id"] for _ in range(5)
    ]
    first = (await desk.get(f"{PATH}/ada", limit="3")).json()
    rest = (await desk.get(f"{PATH}/ada", limit="3", starting_after=made[2])).json()
    found = [one["id"] for page in (first, rest) for one in page["transactions"]]
    assert (found, first["hasMore"], rest["hasMore"]) == (made[::-1], True, False)
    assert (await desk.get(f"{PATH}/ada", currency="USD")).json()["transactions"] == []


async def test_the_four_addresses_are_described(people_desk: Desk):
    told = (await people_desk.get("/openapi.json")).json()
    assert {path for path in told["paths"] if path.startswith("/ledger")} == {
        PATH, f"{PATH}/{{userId}}", "/ledger/balances/{userId}/{currency}", "/ledger/reconcile",
    }  # fmt: skip
    fields = told["components"]["schemas"]["TransactionBody"]["properties"]
    assert fields["amount"]["type"] == ["string", "number"]
    assert "fromUserId" in fields
    many = await people_desk.get(f"{PATH}/ada", limit="1000")
    assert problem(many) == (400, "field_invalid", "limit")


async def test_other_families_do_not_find_these_addresses(desk: Desk):
    answer = await desk.post(PATH, paying("external", "ada", "1.00"))
    assert problem(answer)[:2] == (404, "route_not_found")

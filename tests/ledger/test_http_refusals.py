"""What the book's door refuses: each mistake has its status, code and field, and writes nothing."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.ledger.desk import Desk, Json, amount, leg, moving, problem

from bezant.ledger.port import BATCH_MAX, LEGS_MAX

NOBODY = "acct_00000100000fffff"
A_BOOK_NOBODY_OPENED = "acct_0000ff0000000001"
Mistake = Callable[[str, str], Any]


def changed(**more: object) -> Mistake:
    return lambda a, b: moving(a, b, "1.00", **more)


def legs(*made: Callable[[str, str], Json]) -> Mistake:
    return lambda a, b: {"legs": [one(a, b) for one in made]}


def written(text: object) -> Mistake:
    return lambda a, b: moving(a, b, text)


TRANSFERS: dict[str, tuple[Mistake, int, str, str | None]] = {
    "unknown account": (lambda a, b: moving(a, NOBODY, "1.00"), 404, "unknown_account", None),
    "unknown book": (
        lambda a, b: moving(A_BOOK_NOBODY_OPENED, A_BOOK_NOBODY_OPENED[:-1] + "2", "1.00"),
        404, "unknown_account", None,
    ),
    "not an id": (lambda a, b: moving(a, "acct_1", "1.00"), 400, "malformed_id", "account"),
    "other asset": (lambda a, b: moving(a, b, "1.00", "USD"), 422, "wrong_asset", "asset"),
    "two assets": (
        legs(lambda a, b: leg(a, "debit", "1.00"), lambda a, b: leg(b, "credit", "1.00", "USD")),
        422, "wrong_asset", "legs",
    ),
    "no such asset": (
        lambda a, b: moving(a, b, "1.00", "XQQ"), 400, "unknown_asset", "legs[0].amount",
    ),
    "zero": (written("0.00"), 400, "leg_amount", "amount"),
    "negative": (written("-1.00"), 400, "leg_amount", "amount"),
    "unbalanced": (
        legs(lambda a, b: leg(a, "debit", "1.00"), lambda a, b: leg(b, "credit", "1.01")),
        400, "unbalanced", "legs",
    ),
    "one leg": (legs(lambda a, b: leg(a, "debit", "1.00")), 400, "malformed_transfer", "legs"),
    "no legs": (legs(), 400, "malformed_transfer", "legs"),
    "one account twice": (lambda a, b: moving(a, a, "1.00"), 400, "malformed_transfer", "legs"),
    "too many legs": (
        lambda a, b: {
            "legs": [leg(a, "debit", "1.00")] * LEGS_MAX + [leg(b, "credit", f"{LEGS_MAX}.00")]
        },
        400, "too_many_legs", "legs",
    ),
    "a JSON number": (written(1), 400, "malformed_amount", "legs[0].amount.amount"),
    "a float": (written(1.5), 400, "malformed_amount", "legs[0].amount.amount"),
    "an exponent": (written("1e2"), 400, "malformed_amount", "legs[0].amount"),
    "not a number": (written("NaN"), 400, "malformed_amount", "legs[0].amount"),
    "a comma": (written("1,00"), 400, "malformed_amount", "legs[0].amount"),
    "other digits": (written("\u0661.00"), 400, "malformed_amount", "legs[0].amount"),
    "too many decimals": (written("1.001"), 400, "too_many_decimals", "legs[0].amount"),
    "more than a balance": (written("9" * 31), 400, "amount_too_large", "amount"),
    "more than any amount": (written("9" * 59), 400, "amount_too_large", "legs[0].amount"),
    "a misspelt field": (changed(refrence="x"), 400, "field_unknown", None),
    "a field missing": (
        lambda a, b: {"legs": [{"account": a, "side": "debit"}]},
        400, "field_missing", "legs[0].amount",
    ),
    "a third side": (
        legs(lambda a, b: leg(a, "left", "1.00"), lambda a, b: leg(b, "credit", "1.00")),
        400, "field_invalid", "legs[0].side",
    ),
    "the future": (changed(occurred_at="2027-01-01T00:00:00Z"), 400, "invalid", "occurred_at"),
    "before time": (changed(occurred_at="1969-12-31T23:59:59Z"), 400, "invalid", "occurred_at"),
    "no offset": (changed(occurred_at="2026-01-01T00:00:00"), 400, "invalid", "occurred_at"),
    "no instant": (changed(occurred_at="yesterday"), 400, "field_invalid", "occurred_at"),
    "a long reference": (changed(reference="x" * 201), 400, "invalid", "reference"),
    "a control character": (changed(reason="a\tb"), 400, "invalid", "reason"),
    "much metadata": (
        changed(metadata={f"k{n}": "" for n in range(51)}), 400, "invalid", "metadata",
    ),
    "metadata not text": (changed(metadata={"k": 1}), 400, "field_invalid", "metadata.…"),
    "a list": (lambda a, b: [], 400, "field_invalid", None),
    "no JSON": (lambda a, b: b"{", 400, "malformed_json", None),
    "NaN": (lambda a, b: b'{"legs": NaN}', 400, "malformed_json", None),
    "a key twice": (lambda a, b: b'{"legs": [], "legs": []}', 400, "repeated_key", None),
}  # fmt: skip


async def test_every_mistake_in_a_transfer_is_named_and_writes_nothing(desk: Desk):
    a, b = await desk.funded("100.00"), await desk.account()
    before = desk.rows()
    for name, (make, *expected) in TRANSFERS.items():
        answer = await desk.post("/v1/transfers", make(a, b))
        assert problem(answer) == tuple(expected), name
        assert "9999999" not in answer.text, name
    assert desk.rows() == before
    good = await desk.post("/v1/transfers", moving(a, b, "1.00"))
    assert good.status_code == 201
    assert desk.rows()["transfer"] == before["transfer"] + 1


async def test_every_mistake_of_a_transfer_is_the_same_among_many(desk: Desk):
    a, b = await desk.funded("100.00"), await desk.account()
    shaped = {
        name: (make(a, b), expected[1])
        for name, (make, *expected) in TRANSFERS.items()
        if expected[1] not in {"field_unknown", "field_missing", "field_invalid"}
        and not isinstance(make(a, b), bytes)
        and "number" not in name
        and "float" not in name
    }
    before = desk.rows()
    bodies = [body for body, _ in shaped.values()]
    answer = await desk.post("/v1/transfers/batch", {"transfers": [*bodies, moving(a, b, "1.00")]})
    assert answer.status_code == 200, answer.text
    *refused, last = answer.json()["outcomes"]
    found = {name: one["refusal"]["code"] for name, one in zip(shaped, refused, strict=True)}
    assert found == {name: code for name, (_, code) in shaped.items()}
    assert last["transfer"]["kind"] == "post"
    assert desk.rows()["transfer"] == before["transfer"] + 1


@pytest.mark.parametrize("state", ["frozen", "closed"])
async def test_money_neither_leaves_nor_reaches_an_account_that_is_not_open(desk: Desk, state: str):
    a, b = await desk.funded("10.00"), await desk.account()
    still = await desk.account()
    change = {"state": state}
    assert (await desk.post(f"/v1/accounts/{still}", change, method="PATCH")).status_code == 200
    before = desk.rows()
    for body in (moving(a, still, "1.00"), moving(still, b, "1.00")):
        answer = await desk.post("/v1/transfers", body)
        assert problem(answer)[:2] == (422, f"account_{state}")
        assert answer.json()["facts"] == {"account": still}
    hold = {"account": still, "to": b, "amount": amount("1.00")}
    assert problem(await desk.post("/v1/holds", hold))[:2] == (422, f"account_{state}")
    assert desk.rows() == before


async def test_too_little_money_names_the_account_what_it_has_and_what_it_needs(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    await desk.post("/v1/holds", {"account": a, "to": b, "amount": amount("4.00")})
    before = desk.rows()
    for path, body in (
        ("/v1/transfers", moving(a, b, "6.01")),
        ("/v1/holds", {"account": a, "to": b, "amount": amount("6.01")}),
    ):
        answer = await desk.post(path, body)
        assert problem(answer) == (422, "insufficient_funds", "legs")
        assert answer.json()["facts"] == {
            "account": a, "available": "6.00 EUR", "needed": "6.01 EUR",
        }  # fmt: skip
    assert desk.rows() == before
    assert (await desk.post("/v1/transfers", moving(a, b, "6.00"))).status_code == 201


async def test_a_request_without_a_key_of_its_own_writes_nothing(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    before = desk.rows()
    paths = {
        "/v1/transfers": moving(a, b, "1.00"),
        "/v1/transfers/batch": {"transfers": [moving(a, b, "1.00")]},
        "/v1/transfers/linked": {"transfers": [moving(a, b, "1.00")]},
        "/v1/holds": {"account": a, "to": b, "amount": amount("1.00")},
        "/v1/accounts": {"asset": "EUR", "type": "liability"},
    }
    for path, body in paths.items():
        missing = await desk.post(path, body, key=None)
        assert problem(missing)[:2] == (400, "idempotency_key_missing"), path
        spaced = await desk.post(path, body, key="a b")
        assert problem(spaced)[:2] == (400, "idempotency_key_malformed"), path
    assert desk.rows() == before


async def test_a_key_used_for_another_request_is_refused(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    first = await desk.post("/v1/transfers", moving(a, b, "1.00"), key="once")
    before = desk.rows()
    others = {
        "/v1/transfers": moving(a, b, "1.01"),
        "/v1/transfers/linked": {"transfers": [moving(a, b, "1.00")]},
        "/v1/holds": {"account": a, "to": b, "amount": amount("1.00")},
        "/v1/accounts": {"asset": "EUR", "type": "liability"},
        f"/v1/transfers/{first.json()['id']}/reverse": {},
    }
    for path, body in others.items():
        assert problem(await desk.post(path, body, key="once"))[:2] == (422, "id_reused"), path
    assert desk.rows() == before
    for path in ("/v1/holds", "/v1/transfers/linked"):
        assert (await desk.post(path, others[path], key=path)).status_code == 201
        again = await desk.post("/v1/transfers", moving(a, b, "1.00"), key=path)
        assert problem(again)[:2] == (422, "id_reused"), path
    assert desk.rows()["transfer"] == before["transfer"] + 2


@pytest.mark.catalogue("T53")
async def test_one_key_many_times_at_once_has_one_effect(desk: Desk):
    a, b = await desk.funded("100.00"), await desk.account()
    before = desk.rows()
    same = [desk.post("/v1/transfers", moving(a, b, "1.00"), key="one") for _ in range(50)]
    other = [desk.post("/v1/transfers", moving(a, b, "2.00"), key="one") for _ in range(10)]
    answers = await asyncio.gather(*same)
    different = await asyncio.gather(*other)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert sorted(str(one) for one in replayed) == ["None", *["true"] * 49]
    assert {problem(answer)[:2] for answer in different} == {(422, "id_reused")}
    assert desk.rows()["transfer"] == before["transfer"] + 1
    assert await desk.balance(b) == "1.00"


async def test_a_refusal_is_remembered_for_a_repeat_of_the_same_request(desk: Desk):
    a, b = await desk.account(), await desk.account()
    first = await desk.post("/v1/transfers", moving(a, b, "1.00"), key="poor")
    assert problem(first)[:2] == (422, "insufficient_funds")
    bank = await desk.account(type="asset", floor=None)
    await desk.post("/v1/transfers", moving(bank, a, "5.00"))
    again = await desk.post("/v1/transfers", moving(a, b, "1.00"), key="poor")
    assert problem(again)[:2] == (422, "insufficient_funds")
    assert (await desk.post("/v1/transfers", moving(a, b, "1.00"))).status_code == 201


async def test_a_batch_has_one_to_a_thousand_transfers(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    before = desk.rows()
    for transfers in ([], [moving(a, b, "0.01")] * (BATCH_MAX + 1)):
        answer = await desk.post("/v1/transfers/batch", {"transfers": transfers})
        assert problem(answer) == (400, "batch_too_large", "transfers")
    assert desk.rows() == before


HOLDS: dict[str, tuple[Json, int, str, str | None]] = {
    "nothing": ({"amount": amount("0")}, 400, "leg_amount", "amount"),
    "a number": ({"amount": amount(5)}, 400, "malformed_amount", "amount.amount"),
    "too exact": ({"amount": amount("1.001")}, 400, "too_many_decimals", "amount"),
    "other asset": ({"amount": amount("1.00", "USD")}, 422, "wrong_asset", "asset"),
    "nobody": ({"to": NOBODY}, 404, "unknown_account", None),
    "over at once": ({"expires_at": "2026-03-01T12:00:00Z"}, 400, "invalid", "expires_at"),
    "no offset": ({"expires_at": "2026-04-01T00:00:00"}, 400, "invalid", "expires_at"),
}


async def test_every_mistake_in_a_hold_is_named_and_writes_nothing(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    before = desk.rows()
    good = {"account": a, "to": b, "amount": amount("1.00")}
    for name, (change, *expected) in HOLDS.items():
        assert problem(await desk.post("/v1/holds", {**good, **change})) == tuple(expected), name
    same = await desk.post("/v1/holds", {**good, "to": a})
    assert problem(same) == (400, "malformed_transfer", "to")
    assert desk.rows() == before


async def test_a_hold_gives_no_more_than_it_holds_and_nothing_once_it_is_over(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    body = {"account": a, "to": b, "amount": amount("5.00")}
    hold = (await desk.post("/v1/holds", body)).json()["id"]
    before = desk.rows()
    for given, expected in (
        ({"amount": amount("5.01")}, (422, "hold_exceeded", None)),
        ({"amount": {"amount": 5, "asset": "EUR"}}, (400, "malformed_amount", "amount")),
        ({"amount": amount("1.00", "USD")}, (422, "wrong_asset", "amount")),
        ({"amount": amount("1.00"), "to": [leg(b, "credit", "2.00")]}, (400, "unbalanced", "to")),
        ({"amont": amount("1.00")}, (400, "field_unknown", None)),
    ):
        answer = await desk.post(f"/v1/holds/{hold}/capture", given)
        assert problem(answer) == expected
    assert desk.rows() == before
    assert (await desk.post(f"/v1/holds/{hold}/capture", {})).status_code == 201
    over = await desk.post(f"/v1/holds/{hold}/void", {})
    assert problem(over)[:2] == (422, "hold_over")
    nothing = await desk.post("/v1/holds/hold_00000100000fffff/capture", {})
    assert problem(nothing)[:2] == (404, "unknown_hold")


ACCOUNTS: dict[str, tuple[Json, int, str, str | None]] = {
    "no such asset": ({"asset": "XQQ"}, 400, "unknown_asset", "asset"),
    "no such type": ({"type": "cash"}, 400, "field_invalid", "type"),
    "a floor as number": ({"floor": amount(1.5)}, 400, "malformed_amount", "floor"),
    "a floor elsewhere": ({"floor": amount("1.00", "USD")}, 400, "invalid", "floor"),
    "a floor too deep": ({"floor": amount("-" + "9" * 34)}, 400, "amount_too_large", "floor"),
    "a misspelt field": ({"onwer": "x"}, 400, "field_unknown", None),
    "a long owner": ({"owner": "x" * 201}, 400, "invalid", "owner"),
}


async def test_every_mistake_in_an_account_is_named_and_writes_nothing(desk: Desk):
    account = await desk.account()
    before = desk.rows()
    good = {"asset": "EUR", "type": "liability"}
    for name, (change, *expected) in ACCOUNTS.items():
        assert problem(await desk.post("/v1/accounts", {**good, **change})) == tuple(expected), name
    for change, expected in (
        ({}, (400, "invalid", "state")),
        ({"state": "gone"}, (400, "field_invalid", "state")),
        ({"floor": amount("0", "USD")}, (400, "invalid", "floor")),
    ):
        answer = await desk.post(f"/v1/accounts/{account}", change, method="PATCH")
        assert problem(answer) == expected
    assert desk.rows() == before


async def test_an_account_with_money_on_it_stays_open(desk: Desk):
    account = await desk.funded("1.00")
    answer = await desk.post(f"/v1/accounts/{account}", {"state": "closed"}, method="PATCH")
    assert problem(answer)[:2] == (422, "account_not_empty")


async def test_a_transfer_is_reversed_once(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    moved = (await desk.post("/v1/transfers", moving(a, b, "4.00"))).json()["id"]
    back = await desk.post(f"/v1/transfers/{moved}/reverse", {"reason": "wrong person"})
    assert (back.status_code, back.json()["subject"]) == (201, moved)
    before = desk.rows()
    twice = await desk.post(f"/v1/transfers/{moved}/reverse", {})
    assert problem(twice)[:2] == (409, "already_reversed")
    itself = await desk.post(f"/v1/transfers/{back.json()['id']}/reverse", {})
    assert problem(itself)[:2] == (422, "not_reversible")
    nothing = await desk.post("/v1/transfers/tr_00000100000fffff/reverse", {})
    assert problem(nothing)[:2] == (404, "unknown_transfer")
    assert desk.rows() == before
    assert await desk.balance(a) == "10.00"


QUESTIONS = {
    "/v1/accounts?type=cash": (400, "field_invalid", "type"),
    "/v1/accounts?limit=0": (400, "field_invalid", "limit"),
    "/v1/accounts?limit=101": (400, "field_invalid", "limit"),
    "/v1/accounts?ending_before=acct_0000010000000001": (400, "invalid", "ending_before"),
    "/v1/accounts?starting_after=tr_1": (400, "malformed_id", "before"),
    "/v1/accounts/acct_1/balance": (400, "malformed_id", "account"),
    "/v1/transfers?recorded_from=yesterday": (400, "field_invalid", "recorded_from"),
    "/v1/transfers?recorded_from=2026-01-01T00:00:00": (400, "invalid", "recorded_from"),
    "/v1/transfers/tr_00000100000fffff": (404, "unknown_transfer", None),
    "/v1/reports/yearly?on=2026-03-01": (400, "field_invalid", "period"),
    "/v1/reports/daily": (400, "field_missing", "on"),
    "/v1/reports/daily?on=2026-02-30": (400, "field_invalid", "on"),
    "/v1/reports/daily?on=2026-03-01&format=xls": (400, "field_invalid", "format"),
    "/v1/reports/trial-balance?at=2026-03-01T00:00:00": (400, "invalid", "at"),
}


async def test_every_mistake_in_a_question_is_named(desk: Desk):
    await desk.account()
    for path, expected in QUESTIONS.items():
        assert problem(await desk.get(path)) == expected, path


async def test_what_costs_the_book_much_is_not_for_those_who_only_read(desk: Desk):
    a, b = await desk.funded("10.00"), await desk.account()
    rehearsal = moving(a, b, "1.00")
    for path, body, by in (
        ("/v1/reconcile", {}, desk.ann.support),
        ("/v1/reconcile", {}, desk.ann.test),  # It posts all day; recomputing is finance's.
        ("/v1/transfers/rehearse", rehearsal, desk.ann.support),
    ):
        assert problem(await desk.post(path, body, by=by)) == (
            403, "insufficient_permissions", None,
        )  # fmt: skip
    assert (await desk.get(f"/v1/accounts/{a}/balance", by=desk.ann.support)).status_code == 200
    for path, body, by in (
        ("/v1/reconcile", {}, desk.ann.finance),
        ("/v1/transfers/rehearse", rehearsal, desk.ann.test),
    ):
        assert (await desk.post(path, body, by=by)).status_code == 200

"""Payments over HTTP: what is asked is checked, what is answered can be repeated byte for byte."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.counter import Counter, asked, opened_counter
from tests.payments.events import signed, written

from bezant.clock import MovableClock


@pytest.fixture
async def counter(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with opened_counter(payments_database, clock, tmp_path) as counter:
        yield counter


async def test_a_payment_is_made_and_repeated_byte_for_byte(counter: Counter) -> None:
    first = await counter.send("POST", "/v1/payments", asked(), key="one")
    again = await counter.send("POST", "/v1/payments", asked(), key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    told = first.json()
    assert (told["state"], told["captured"]) == ("succeeded", {"amount": "20.00", "asset": "EUR"})
    assert told["fee"] == {"amount": "0.00", "asset": "EUR"}
    other = await counter.send("POST", "/v1/payments", asked("21.00"), key="one")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"amount": {"amount": 20, "asset": "EUR"}}, 400, None, "amount.amount"),
        (asked("0.00"), 400, "amount_too_small", "amount"),
        (asked("-1.00"), 400, "amount_too_small", "amount"),
        (asked("1.001"), 400, "too_many_decimals", "amount"),
        ({"amount": {"amount": "1.00", "asset": "XXQ"}}, 400, "unknown_asset", "amount"),
        (asked(cardnumber="4242424242424242"), 400, None, None),
        (asked(descriptor="x" * 23), 400, "invalid", "descriptor"),
        (asked(country="Germany"), 400, "invalid", "country"),
        (asked(return_url="javascript:alert(1)"), 400, "invalid", "return_url"),
        (asked(metadata={"k" * 41: "v"}), 400, "invalid", "metadata"),
        (asked(customer="cus_" + "0" * 32), 404, "unknown_customer", "customer"),
        (asked(pay_with={"saved": "pm_" + "0" * 32}), 404, "unknown_method", "pay_with.saved"),
        (asked(pay_with={}), 400, "method_missing", "pay_with"),
        (asked(pay_with={"kind": "paypal"}), 422, "no_provider", None),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(
    counter: Counter, body: object, status: int, code: str | None, field: str | None
) -> None:
    answer = await counter.send("POST", "/v1/payments", body)
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert code is None or told["code"] == code
    assert field is None or told["field"] == field
    assert "4242424242424242" not in answer.text
    assert counter.till.count("payment") == 0
    assert not counter.till.acquirer.calls


async def test_a_key_is_required_where_money_moves(counter: Counter) -> None:
    for path in ("/v1/payments", "/v1/refunds"):
        answer = await counter.send("POST", path, asked(), key=None)
        assert answer.json()["code"] in ("idempotency_key_missing", "insufficient_permissions")
    assert counter.till.count("request") == 0


async def test_the_steps_of_a_payment(counter: Counter) -> None:
    made = await counter.paid("30.00", capture=False, order="ord-7", metadata={"cart": "1"})
    path = f"/v1/payments/{made['id']}"
    part = {"amount": {"amount": "10.00", "asset": "EUR"}, "last": False}
    taken = (await counter.send("POST", f"{path}/capture", part)).json()
    assert (taken["state"], taken["captured"]["amount"]) == ("partly_captured", "10.00")
    voided = (await counter.send("POST", f"{path}/void", {})).json()
    assert voided["state"] == "succeeded"
    refused = await counter.send("POST", f"{path}/capture", {})
    assert (refused.status_code, refused.json()["code"]) == (422, "not_in_this_state")
    finance = counter.ann.keys["finance"]
    body = {"payment": made["id"], "amount": {"amount": "4.00", "asset": "EUR"}}
    refund = await counter.send("POST", "/v1/refunds", body, by=finance)
    assert (refund.status_code, refund.json()["state"]) == (201, "succeeded")
    shown = (
        await counter.get(f"{path}?expand[]=attempts&expand[]=refunds&expand[]=customer")
    ).json()
    assert [one["operation"] for one in shown["attempts"]] == [
        "charge", "capture", "void", "refund",
    ]  # fmt: skip
    assert [one["id"] for one in shown["refunds"]] == [refund.json()["id"]]
    assert shown["refunded"]["amount"] == "4.00"
    changed = await counter.send("PATCH", path, {"metadata": {"cart": "", "desk": "2"}})
    assert changed.json()["metadata"] == {"desk": "2"}


@pytest.mark.requirement("S003-1", part="who may refund")
@pytest.mark.parametrize(
    ("role", "status"),
    [("admin", 201), ("finance", 201), ("developer", 403), ("support", 403), ("auditor", 403)],
)
async def test_refunds_are_for_admin_and_finance(counter: Counter, role: str, status: int) -> None:
    made = await counter.paid()
    answer = await counter.send(
        "POST", "/v1/refunds", {"payment": made["id"]}, by=counter.ann.keys[role]
    )
    assert answer.status_code == status


async def test_a_page_in_a_browser_may_do_none_of_it(counter: Counter) -> None:
    made = await counter.paid()
    key = counter.ann.keys["publishable"]
    for method, path in (
        ("POST", "/v1/payments"), ("GET", "/v1/payments"), ("GET", f"/v1/payments/{made['id']}"),
        ("POST", "/v1/refunds"), ("GET", "/v1/customers"), ("GET", "/v1/stats"),
    ):  # fmt: skip
        body = asked() if method == "POST" else None
        assert (await counter.send(method, path, body, by=key)).status_code == 403


@pytest.mark.catalogue("T70")
async def test_another_merchants_things_do_not_exist(counter: Counter) -> None:
    made = await counter.paid(capture=False)
    bob = counter.bob.keys["admin"]
    path = f"/v1/payments/{made['id']}"
    for method, at, body in (
        ("GET", path, None), ("GET", f"{path}/attempts", None), ("PATCH", path, {}),
        ("POST", f"{path}/capture", {}), ("POST", f"{path}/void", {}),
        ("POST", f"{path}/confirm", {"pay_with": {"card": "card_good"}}),
        ("POST", "/v1/refunds", {"payment": made["id"]}),
    ):  # fmt: skip
        answer = await counter.send(method, at, body, by=bob)
        assert answer.status_code == 404, (method, at, answer.text)
    assert (await counter.get("/v1/payments", by=bob)).json()["data"] == []
    assert (await counter.get(path)).json()["state"] == "authorized"


async def test_lists_are_cut_into_pages_and_filtered(counter: Counter) -> None:
    made = [await counter.paid(f"{n}.00", order=f"o-{n % 2}", description=f"book {n}")
            for n in range(1, 6)]  # fmt: skip
    counter.till.acquirer.plan("charge", "lost_card")
    await counter.paid("9.00")
    page = (await counter.get("/v1/payments?limit=4")).json()
    rest = (await counter.get(f"/v1/payments?starting_after={page['data'][-1]['id']}")).json()
    assert (page["has_more"], rest["has_more"]) == (True, False)
    listed = [one["id"] for one in page["data"] + rest["data"]]
    assert listed[1:] == [one["id"] for one in reversed(made)]

    async def found(query: str) -> list[str]:
        answer = await counter.get(f"/v1/payments{query}")
        assert answer.status_code == 200, answer.text
        return [one["amount"]["amount"] for one in answer.json()["data"]]

    assert await found("?state=declined") == ["9.00"]
    assert await found("?order=o-1") == ["5.00", "3.00", "1.00"]
    assert await found("?asset=EUR&amount_min=4.00&amount_max=5.00") == ["5.00", "4.00"]
    assert await found(f"?reference={made[0]['reference']}") == ["1.00"]
    assert await found("/search?query=OOK%203") == ["3.00"]
    assert await found("/search?query=%25") == []
    assert await found(f"/search?query={made[1]['id']}") == ["2.00"], "by its own id"
    assert await found(f"/search?query={made[1]['reference']}") == ["2.00"], "by the provider's"
    assert await found(f"/search?query={made[1]['reference']}&order=o-1") == [], "each holds"
    assert await found("?provider=second") == []
    stats = (
        await counter.get("/v1/stats?since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z")
    ).json()["assets"][0]
    assert (stats["payments"], stats["succeeded"], stats["declined"]) == (6, 5, 1)
    back = await counter.get("/v1/stats?since=2027-01-01T00:00:00Z&until=2026-01-01T00:00:00Z")
    assert (back.status_code, back.json()["field"]) == (400, "until")
    assert stats["captured"] == {"amount": "15.00", "asset": "EUR"}


async def test_what_nobody_could_be_charged_by_is_not_kept(counter: Counter) -> None:
    made = await counter.send("POST", "/v1/customers", {"name": "Eva"})
    whose = made.json()["id"]
    kept: dict[str, dict[str, str]] = {
        "paypal": {"vault_id": "v"},
        "bank_account": {"payment_method": "pm"},
        "crypto": {"address": "0xabc"},
        "bank_transfer": {"iban": "DE89370400440532013000", "name": "Eva"},
    }
    for kind, facts in kept.items():
        for wrong in ({}, {"x": "y"}, dict.fromkeys(facts, "")):
            body = {"customer": whose, "kind": kind, "facts": wrong}
            refused = await counter.send("POST", "/v1/payment_methods", body)
            assert (refused.status_code, refused.json()["field"]) == (400, "facts"), refused.text
            assert next(iter(facts)) in refused.json()["detail"]
        body = {"customer": whose, "kind": kind, "facts": facts}
        assert (await counter.send("POST", "/v1/payment_methods", body)).status_code == 201
    unnamed = {"amount": {"amount": "1.00", "asset": "EUR"}, "pay_with": {"kind": "bank_account"}}
    refused = await counter.send("POST", "/v1/payments", unnamed)
    assert (refused.status_code, refused.json()["field"]) == (400, "pay_with.saved")


async def test_customers_keep_ways_to_pay_and_can_be_forgotten(counter: Counter) -> None:
    counter.till.acquirer.cards.add("card_good")
    made = await counter.send("POST", "/v1/customers", {"name": "Eva", "email": "eva@example.com"})
    customer = made.json()["id"]
    saved = await counter.send(
        "POST", "/v1/payment_methods", {"customer": customer, "kind": "card", "card": "card_good"}
    )
    assert saved.status_code == 201, saved.text
    method = saved.json()["id"]
    paid = await counter.paid(pay_with={"saved": method}, customer=customer)
    assert (paid["state"], paid["card"], paid["customer"]) == ("succeeded", "card_good", customer)
    found = (await counter.get("/v1/customers?email=EVA@example.com")).json()["data"]
    assert [one["id"] for one in found] == [customer]
    for word in ("EVA@EXAM", "eva"):
        by_whom = (await counter.get(f"/v1/payments/search?query={word}")).json()["data"]
        assert [one["id"] for one in by_whom] == [paid["id"]]
    erased = (await counter.send("DELETE", f"/v1/customers/{customer}")).json()
    assert (erased["name"], erased["email"], erased["forgotten"]) == ("", "", True)
    assert (await counter.get(f"/v1/payment_methods/{method}")).status_code == 404
    assert "card_good" not in counter.till.acquirer.cards
    assert (await counter.get(f"/v1/payments/{paid['id']}")).json()["customer"] == customer


async def test_events_come_to_a_door_for_everybody(counter: Counter) -> None:
    counter.till.acquirer.plan("charge", "challenge")
    made = await counter.paid()
    counter.till.acquirer.challenge_passed("auth_1")
    body = written("authorisation.captured", counter.till.acquirer.shown("auth_1"))
    headers = signed(counter.till.clock, body)
    forged = {**headers, "card-signature": headers["card-signature"][:-1] + "x"}
    refused = await counter.client.post("/v1/webhooks/card", content=body, headers=forged)
    assert refused.status_code == 401
    assert counter.till.count("arrival") == 0
    taken = await counter.client.post("/v1/webhooks/card/test", content=body, headers=headers)
    assert (taken.status_code, taken.json()["repeated"]) == (200, False)
    await counter.till.acted()
    assert (await counter.get(f"/v1/payments/{made['id']}")).json()["state"] == "succeeded"


async def test_files_and_rules_are_for_the_platform(counter: Counter) -> None:
    for role in ("admin", "finance"):
        key = counter.ann.keys[role]
        answer = await counter.client.post(
            "/v1/settlements/card",
            content=b"x",
            headers={"x-api-key": key, "content-type": "text/csv"},
        )
        assert answer.status_code == 403
        assert (await counter.send("PUT", "/v1/terms", {}, by=key)).status_code == 403

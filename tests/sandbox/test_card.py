"""The built-in acquirer: what it refuses, what it does once, and what its book says afterwards."""

import hashlib
import hmac
import json
from collections.abc import Mapping

import pytest
from tests.sandbox.stand import Letter, Town

GOOD = "4242424242424242"
SOFT = "4000000000009995"
DISPUTED = "4000000000000259"
CHALLENGED = "4000000000003220"
BEARER = "cardwh_test_bezant"


def body(key: str, number: str = GOOD, amount: str = "2000", **more: object) -> dict[str, object]:
    card = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    return {"key": key, "amount": amount, "asset": "EUR", "card": card, **more}


def authorise(here: Town, key: str, number: str = GOOD, **more: object) -> Mapping[str, str]:
    answer = here.post("card", "/authorisations", json=body(key, number, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"key": ""}, "key"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "1.5"}, "amount"),
        ({"amount": "١"}, "amount"),
        ({"amount": "1" + "0" * 16}, "amount"),
        ({"asset": "XYZ"}, "asset"),
        ({"card": {"number": "4242424242424241", "exp_month": 1, "exp_year": 2030}}, "card.number"),
        ({"card": {"number": GOOD, "exp_month": 13, "exp_year": 2030}}, "card.exp_month"),
        ({"card": {"number": GOOD, "exp_month": 7, "exp_year": 2026}}, "card.exp_year"),
        ({"card": {"number": GOOD, "exp_month": 8, "exp_year": 2026, "cvc": "x"}}, "card.cvc"),
    ],
)
def test_a_wrong_request_is_refused_and_not_remembered(
    acquirer: Town, broken: dict[str, object], field: str
):
    answer = acquirer.post("card", "/authorisations", json={**body("k1"), **broken})
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field
    assert acquirer.charges("k1") == 0
    assert authorise(acquirer, "k1")["status"] == "authorised"


def test_nobody_calls_without_the_key(acquirer: Town):
    for said in ("", "Bearer wrong", "Basic card_test_bezant"):
        answer = acquirer.post(
            "card", "/authorisations", json=body("k1"), headers={"authorization": said}
        )
        assert answer.status_code == 401
    assert acquirer.get("card", "/operations/k1").status_code == 404


def test_the_same_key_answers_the_same_and_acts_once(acquirer: Town):
    first = acquirer.post("card", "/authorisations", json=body("k1", capture=True))
    again = acquirer.post("card", "/authorisations", json=body("k1", capture=True))
    other = acquirer.post("card", "/authorisations", json=body("k1", amount="2001", capture=True))
    assert again.content == first.content
    assert "replayed" not in first.headers
    assert again.headers["replayed"] == "true"
    assert (other.status_code, other.json()["error"]["code"]) == (422, "key_reused")
    assert acquirer.charges("k1") == 1


def test_a_key_belongs_to_one_operation(acquirer: Town):
    made = authorise(acquirer, "k1")
    answer = acquirer.post("card", f"/authorisations/{made['id']}/captures", json={"key": "k1"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000002", "generic_decline"),
        (SOFT, "insufficient_funds"),
        ("4000000000009987", "lost_card"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "incorrect_cvc"),
        ("4000000000000119", "processing_error"),
    ],
)
def test_a_refused_card_says_why_and_moves_nothing(acquirer: Town, number: str, code: str):
    made = authorise(acquirer, "k1", number, capture=True)
    assert (made["status"], made["decline_code"]) == ("declined", code)
    moved = acquirer.get("inspection", "/charges?key=k1").json()
    assert (moved["charges"], moved["payments"][0]["movements"]) == (0, [])


def test_captures_never_exceed_what_was_authorised(acquirer: Town):
    made = authorise(acquirer, "k1")
    path = f"/authorisations/{made['id']}/captures"
    assert acquirer.post("card", path, json={"key": "c1", "amount": "1500"}).status_code == 201
    too_much = acquirer.post("card", path, json={"key": "c2", "amount": "501"})
    assert too_much.json()["error"]["code"] == "amount_too_large"
    assert acquirer.post("card", path, json={"key": "c3"}).json()["amount"] == "500"
    assert acquirer.post("card", path, json={"key": "c4"}).status_code == 409


def test_a_final_capture_gives_back_the_rest(acquirer: Town):
    made = authorise(acquirer, "k1")
    path = f"/authorisations/{made['id']}/captures"
    acquirer.post("card", path, json={"key": "c1", "amount": "1500", "final": True})
    assert acquirer.post("card", path, json={"key": "c2"}).status_code == 409
    (payment,) = acquirer.get("inspection", "/charges?key=k1").json()["payments"]
    moved = [(one["kind"], one["amount"]) for one in payment["movements"]]
    assert moved == [("authorisation", "2000"), ("charge", "1500"), ("void", "-500")]


def test_what_was_captured_is_not_voided_and_what_was_voided_is_not_captured(acquirer: Town):
    taken, given_up = authorise(acquirer, "k1", capture=True), authorise(acquirer, "k2")
    path = "/authorisations/{}/{}"
    refused = acquirer.post("card", path.format(taken["id"], "void"), json={"key": "v1"})
    assert refused.json()["error"]["code"] == "not_voidable"
    acquirer.post("card", path.format(given_up["id"], "void"), json={"key": "v2"})
    late = acquirer.post("card", path.format(given_up["id"], "captures"), json={"key": "c2"})
    assert late.json()["error"]["code"] == "not_capturable"
    assert acquirer.charges("k2") == 0


def test_an_authorisation_ends_with_its_window(acquirer: Town):
    made = authorise(acquirer, "k1")
    acquirer.pass_time(days=6, hours=23)
    assert acquirer.get("card", f"/authorisations/{made['id']}").json()["status"] == "authorised"
    acquirer.pass_time(hours=1)
    assert acquirer.get("card", f"/authorisations/{made['id']}").json()["status"] == "expired"
    late = acquirer.post("card", f"/authorisations/{made['id']}/captures", json={"key": "c1"})
    assert late.status_code == 409


def test_refunds_never_exceed_what_was_captured(acquirer: Town):
    made = authorise(acquirer, "k1", capture=True)
    path = f"/authorisations/{made['id']}/refunds"
    assert acquirer.post("card", path, json={"key": "r1", "amount": "1500"}).status_code == 201
    assert acquirer.post("card", path, json={"key": "r2", "amount": "501"}).status_code == 409
    assert acquirer.post("card", path, json={"key": "r3"}).json()["amount"] == "500"
    assert acquirer.post("card", path, json={"key": "r4"}).status_code == 409


def test_a_refund_that_comes_back_can_be_made_again(acquirer: Town):
    made = authorise(acquirer, "k1", "4000" + "000000005126", capture=True)
    path = f"/authorisations/{made['id']}/refunds"
    given = acquirer.post("card", path, json={"key": "r1"}).json()
    assert acquirer.post("card", path, json={"key": "r2"}).status_code == 409
    acquirer.pass_time(days=2)
    assert acquirer.get("card", f"/refunds/{given['id']}").json()["status"] == "failed"
    assert acquirer.post("card", path, json={"key": "r3"}).status_code == 201


@pytest.mark.parametrize(("evidence", "status"), [("winning_evidence", "won"), ("none", "lost")])
def test_a_dispute_takes_the_money_and_evidence_may_bring_it_back(
    acquirer: Town, evidence: str, status: str
):
    authorise(acquirer, "k1", DISPUTED, capture=True)
    acquirer.catch_up()
    opened = next(one for one in map(data, acquirer.box.letters) if one["id"].startswith("dsp_"))
    path = f"/disputes/{opened['id']}/evidence"
    answer = acquirer.post("card", path, json={"key": "e1", "evidence": evidence})
    assert answer.json()["status"] == status
    (payment,) = acquirer.get("inspection", "/charges?key=k1").json()["payments"]
    kept = sum(int(one["amount"]) for one in payment["movements"] if one["kind"] != "authorisation")
    assert kept == (2000 if status == "won" else 0)


def test_a_dispute_nobody_answers_is_lost(acquirer: Town):
    authorise(acquirer, "k1", DISPUTED, capture=True)
    acquirer.pass_time(days=14)
    told = [json.loads(one.body)["type"] for one in acquirer.box.letters]
    assert told == ["authorisation.captured", "dispute.opened", "dispute.lost"]


@pytest.mark.parametrize(
    ("choice", "status", "charges"), [("confirm", "captured", 1), ("refuse", "declined", 0)]
)
def test_a_challenge_is_answered_by_the_payer(
    acquirer: Town, choice: str, status: str, charges: int
):
    made = authorise(
        acquirer, "k1", CHALLENGED, capture=True, return_url="http://shop.example/back?n=1"
    )
    assert (made["status"], acquirer.charges("k1")) == ("challenge", 0)
    page = acquirer.get("card", made["challenge_url"], headers={"authorization": ""})
    assert "Your bank asks" in page.text
    back = acquirer.post("card", f"{made['challenge_url']}/{choice}")
    again = acquirer.post("card", f"{made['challenge_url']}/{choice}")
    assert back.headers["location"] == again.headers["location"]
    assert back.headers["location"].endswith(f"?n=1&authorisation={made['id']}")
    found = acquirer.get("card", f"/authorisations/{made['id']}").json()
    assert (found["status"], acquirer.charges("k1")) == (status, charges)


def test_a_challenge_has_an_address_nobody_guesses(acquirer: Town):
    made = authorise(acquirer, "k1", CHALLENGED)
    wrong = f"{acquirer.urls['card']}/challenges/{made['id']}/{'x' * 32}/confirm"
    assert acquirer.post("card", wrong).status_code == 404
    found = acquirer.get("card", f"/authorisations/{made['id']}").json()
    assert found["status"] == "challenge"


def test_a_call_whose_answer_was_lost_is_found_by_its_key(acquirer: Town):
    made = authorise(acquirer, "k1", reference="pay_1")
    path = f"/authorisations/{made['id']}/captures"
    taken = acquirer.post("card", path, json={"key": "c1", "amount": "700"}).json()
    found = acquirer.get("card", "/operations/c1").json()
    assert found == {"operation": "capture", "object": taken}
    listed = acquirer.get("card", "/authorisations?key=pay_1").json()["authorisations"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert acquirer.get("card", "/authorisations?key=nobody").json() == {"authorisations": []}


def test_webhooks_are_signed_over_time_and_raw_body(acquirer: Town):
    authorise(acquirer, "k1", capture=True)
    acquirer.catch_up()
    (letter,) = acquirer.box.letters
    parts = dict(part.split("=") for part in letter.headers["card-signature"].split(","))
    told = f"{parts['t']}.".encode() + letter.body
    expected = hmac.new(BEARER.encode(), told, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    assert int(parts["t"]) == int(acquirer.clock.now().timestamp())


def test_the_report_adds_up_to_the_book(acquirer: Town):
    made = authorise(acquirer, "k1", capture=True)
    authorise(acquirer, "k2", DISPUTED, capture=True)
    path = f"/authorisations/{made['id']}/refunds"
    acquirer.post("card", path, json={"key": "r1", "amount": "300"})
    acquirer.catch_up()
    day = acquirer.clock.now().date()
    lines = acquirer.get("inspection", f"/settlements/{day}/card").text.splitlines()
    book = acquirer.get("inspection", f"/settlements/{day}").json()["settlements"][0]["movements"]
    gross, fee = (sum(int(one[name]) for one in book) for name in ("amount", "fee"))
    assert len(lines) == len(book) + 2
    assert lines[-1] == f"total,,,,EUR,{gross},{fee},{gross - fee},"
    assert gross == 2000 - 300


def data(letter: Letter) -> Mapping[str, str]:
    return json.loads(letter.body)["data"]

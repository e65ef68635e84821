"""PayPal: orders that nobody paid twice, whatever happened on the way."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.sandbox.paypal_shop import ORDERS, PAYMENTS, Shop, euro, issue, shop_of, wanted
from tests.sandbox.stand import Box


@pytest.fixture
def shop(tmp_path: Path, box: Box) -> Iterator[Shop]:
    with shop_of(tmp_path, box) as shop:
        yield shop


@pytest.fixture(scope="module")
def old_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Serve a shop for all tests that leave nothing behind."""
    with shop_of(tmp_path_factory.mktemp("paypal")) as shop:
        yield shop


def test_who_does_not_know_the_secret_gets_no_token(old_shop: Shop):
    wrong = old_shop.grant(secret="guessed")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    other = old_shop.grant(grant_type="password")
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")
    assert old_shop.grant().status_code == 200


@pytest.mark.parametrize("said", ["", "Bearer A21AAguessed", "Basic abc"])
def test_nobody_calls_without_a_token(old_shop: Shop, said: str):
    answer = old_shop.here.post(
        "paypal", ORDERS, json=wanted(), headers={"authorization": said, "paypal-request-id": "k"}
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert old_shop.here.charges("k") == 0


def test_a_token_ends_after_nine_hours_and_is_the_same_until_then(shop: Shop):
    first = shop.log_in()
    shop.here.pass_time(hours=8)
    assert shop.log_in() == first
    shop.here.pass_time(hours=2)
    assert shop.post(ORDERS, wanted()).status_code == 401
    assert shop.log_in() != first
    assert shop.post(ORDERS, wanted()).status_code == 201


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ({"amount": euro("0.00")}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"amount": euro("-1.00")}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"amount": euro("1.001")}, (422, "DECIMAL_PRECISION")),
        ({"amount": euro("10.5", "JPY")}, (422, "DECIMALS_NOT_SUPPORTED")),
        ({"amount": euro("10", "XXX")}, (422, "INVALID_CURRENCY_CODE")),
        ({"amount": euro("ten")}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"amount": euro("١٠")}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"amount": {"currency_code": "EUR"}}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"amount": {"currency_code": "EUR", "value": 10}}, (400, "INVALID_PARAMETER_SYNTAX")),
        (
            {"amount": {**euro("10.00"), "breakdown": {"item_total": euro("9.99")}}},
            (422, "AMOUNT_MISMATCH"),
        ),
        (
            {"amount": euro("10.00"), "items": [{"quantity": "1", "unit_amount": euro("10.00")}]},
            (422, "ITEM_TOTAL_REQUIRED"),
        ),
        ({"amount": euro("10.00"), "custom_id": "x" * 128}, (400, "INVALID_STRING_LENGTH")),
    ],
)
def test_a_wrong_order_is_refused(old_shop: Shop, unit: dict[str, object], told: tuple[int, str]):
    body = {"intent": "CAPTURE", "purchase_units": [unit]}
    assert issue(old_shop.post(ORDERS, body)) == told


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"intent": "STEAL"}, (400, "INVALID_PARAMETER_VALUE")),
        ({"purchase_units": []}, (400, "INVALID_PARAMETER_VALUE")),
        ({"payment_source": {"card": {}}}, (400, "NOT_SUPPORTED")),
        (
            {"purchase_units": [{"amount": euro("1.00")}, {"amount": euro("2.00")}]},
            (400, "MISSING_REQUIRED_PARAMETER"),
        ),
        (
            {
                "purchase_units": [
                    {"reference_id": "a", "amount": euro("1.00")},
                    {"reference_id": "b", "amount": euro("1.00", "USD")},
                ]
            },
            (422, "MULTI_CURRENCY_ORDER"),
        ),
    ],
)
def test_a_wrong_request_names_its_mistake(
    old_shop: Shop, changed: dict[str, object], told: tuple[int, str]
):
    assert issue(old_shop.post(ORDERS, {**wanted(), **changed})) == told


def test_nothing_is_captured_before_the_payer_approves(shop: Shop):
    order = shop.order(key="k1")
    refused = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    assert issue(refused) == (422, "ORDER_NOT_APPROVED")
    approve = [one for one in refused.json()["links"] if one["rel"] == "approve"]
    assert approve[0]["href"].endswith(f"/checkoutnow?token={order}")
    assert shop.here.charges(order) == 0

    shop.approve(order)
    captured = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    assert (captured.status_code, captured.json()["status"]) == (201, "COMPLETED")
    assert shop.here.charges(order) == 1
    assert shop.here.charges("c1") == 1


@pytest.mark.requirement("S004-1", part="sandbox")
def test_the_same_request_again_answers_the_latest_state_and_acts_once(shop: Shop):
    order = shop.approved(key="k1")
    again = shop.post(ORDERS, wanted(), key="k1")
    assert (again.status_code, again.json()["id"]) == (200, order)
    assert again.json()["status"] == "APPROVED"
    first = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    second = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    third = shop.post(f"{ORDERS}/{order}/capture", key="c2")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert issue(third) == (422, "ORDER_ALREADY_CAPTURED")
    assert shop.here.charges(order) == 1


def test_the_same_request_id_with_another_body_is_refused(shop: Shop):
    order = shop.order("20.00", key="k1")
    other = shop.post(ORDERS, wanted("21.00"), key="k1")
    assert issue(other) == (422, "DUPLICATE_REQUEST_ID")
    assert shop.get(f"{ORDERS}/{order}")["purchase_units"][0]["amount"] == euro("20.00")


@pytest.mark.parametrize(
    ("effect", "told", "charged"),
    [
        ("error_before_acting", 500, 0),
        ("error_after_acting", 500, 1),
        ("rate_limit", 429, 0),
    ],
)
def test_after_an_error_the_same_request_id_finds_out(
    shop: Shop, effect: str, told: int, charged: int
):
    order = shop.approved()
    shop.here.script(effect, provider="paypal", operation="capture_order")
    failed = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    assert failed.status_code == told
    assert shop.here.charges(order) == charged
    again = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    assert again.status_code in {200, 201}
    assert again.json()["status"] == "COMPLETED"
    assert shop.here.charges(order) == 1


@pytest.mark.parametrize(
    ("effect", "charged"), [("drop_before_acting", 0), ("drop_after_acting", 1)]
)
def test_after_a_cut_connection_the_same_request_id_finds_out(
    shop: Shop, effect: str, charged: int
):
    order = shop.approved()
    shop.here.script(effect, provider="paypal", operation="capture_order")
    with pytest.raises(httpx2.TransportError):
        shop.post(f"{ORDERS}/{order}/capture", key="c1")
    assert shop.here.charges(order) == charged
    assert shop.post(f"{ORDERS}/{order}/capture", key="c1").is_success
    assert shop.here.charges(order) == 1


@pytest.mark.parametrize(
    ("effect", "code", "told"),
    [
        ("decline", "", "INSTRUMENT_DECLINED"),
        ("soft_decline", "", "INSTRUMENT_DECLINED"),
        ("hard_decline", "", "TRANSACTION_REFUSED"),
        ("decline", "PAYER_CANNOT_PAY", "PAYER_CANNOT_PAY"),
    ],
)
def test_a_scripted_decline_takes_nothing_and_the_next_try_works(
    shop: Shop, effect: str, code: str, told: str
):
    order = shop.approved("13.00")
    shop.here.script(effect, provider="paypal", operation="capture_order", code=code)
    assert issue(shop.post(f"{ORDERS}/{order}/capture", key="c1")) == (422, told)
    assert shop.here.charges(order) == 0
    assert shop.post(f"{ORDERS}/{order}/capture", key="c2").status_code == 201


def test_the_mock_header_of_paypals_own_sandbox_works(shop: Shop):
    order = shop.approved()
    mock = '{"mock_application_codes": "INSTRUMENT_DECLINED"}'
    refused = shop.post(f"{ORDERS}/{order}/capture", paypal_mock_response=mock)
    assert issue(refused) == (422, "INSTRUMENT_DECLINED")
    broken = '{"mock_application_codes": "INTERNAL_SERVER_ERROR"}'
    assert shop.post(f"{ORDERS}/{order}/capture", paypal_mock_response=broken).status_code == 500
    unknown = '{"mock_application_codes": "NO_SUCH_CODE"}'
    answer = shop.post(f"{ORDERS}/{order}/capture", paypal_mock_response=unknown)
    assert issue(answer) == (400, "INVALID_PARAMETER_VALUE")
    assert shop.here.charges(order) == 0


def test_a_declining_payer_is_led_back_and_pays_with_something_else(shop: Shop):
    order = shop.approved(payer="declined")
    refused = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    assert issue(refused) == (422, "INSTRUMENT_DECLINED")
    assert [one["rel"] for one in refused.json()["links"]] == ["information_link", "redirect"]


def test_a_challenged_capture_waits_for_the_payer(shop: Shop):
    order = shop.approved()
    shop.here.script("challenge", provider="paypal", operation="capture_order")
    first = shop.post(f"{ORDERS}/{order}/capture", key="c1")
    assert issue(first) == (422, "PAYER_ACTION_REQUIRED")
    assert shop.get(f"{ORDERS}/{order}")["status"] == "PAYER_ACTION_REQUIRED"
    assert issue(shop.post(f"{ORDERS}/{order}/capture", key="c1")) == issue(first)
    assert shop.here.charges(order) == 0
    shop.approve(order)
    assert shop.post(f"{ORDERS}/{order}/capture", key="c1").json()["status"] == "COMPLETED"
    assert shop.post(f"{ORDERS}/{order}/capture", key="c1").status_code == 200
    assert shop.here.charges(order) == 1


def test_an_order_ends_when_nobody_comes_or_nobody_captures(shop: Shop):
    forgotten = shop.order()
    shop.here.pass_time(hours=3)
    assert shop.here.get("paypal", f"{ORDERS}/{forgotten}").status_code == 404
    assert shop.here.get("paypal", f"/checkoutnow?token={forgotten}").status_code == 410
    approved = shop.approved()
    shop.here.pass_time(hours=3)
    assert issue(shop.post(f"{ORDERS}/{approved}/capture")) == (422, "ORDER_EXPIRED")
    assert shop.here.charges(approved) == 0


def test_a_payer_who_cancels_is_led_back_and_may_come_again(shop: Shop):
    order = shop.order()
    back = shop.here.post("paypal", f"/checkoutnow/{order}/cancel")
    assert back.headers["location"].endswith(f"/cancelled?token={order}")
    shop.approve(order)
    assert shop.post(f"{ORDERS}/{order}/capture").status_code == 201


def test_two_captures_at_once_never_take_more_than_was_set_aside(shop: Shop):
    held = shop.authorized("20.00")
    path = f"{PAYMENTS}/authorizations/{held['id']}/capture"
    answers: list[httpx2.Response] = []

    def capture(key: str) -> None:
        answers.append(shop.post(path, {"amount": euro("12.00")}, key))

    threads = [threading.Thread(target=capture, args=(f"x{at}",)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] + [422] * 7
    refused = {issue(answer) for answer in answers if answer.status_code == 422}
    assert refused == {(422, "MAX_CAPTURE_AMOUNT_EXCEEDED")}
    order = held["supplementary_data"]["related_ids"]["order_id"]
    assert shop.here.charges(order) == 1


def test_parts_are_captured_until_nothing_is_left(shop: Shop):
    held = shop.authorized("20.00")
    path = f"{PAYMENTS}/authorizations/{held['id']}"
    assert shop.post(f"{path}/capture", {"amount": euro("12.00")}, "x1").status_code == 201
    assert shop.get(path)["status"] == "PARTIALLY_CAPTURED"
    other = shop.post(f"{path}/capture", {"amount": euro("1.00", "USD")}, "x2")
    assert issue(other) == (422, "AUTH_CAPTURE_CURRENCY_MISMATCH")
    rest = shop.post(f"{path}/capture", None, "x3", prefer="return=representation")
    assert rest.json()["amount"] == euro("8.00")
    assert shop.get(path)["status"] == "CAPTURED"
    assert issue(shop.post(f"{path}/capture", None, "x4"))[1] == "AUTHORIZATION_ALREADY_CAPTURED"
    assert issue(shop.post(f"{path}/void")) == (422, "PREVIOUSLY_CAPTURED")


def test_a_final_capture_gives_up_the_rest(shop: Shop):
    held = shop.authorized("20.00")
    path = f"{PAYMENTS}/authorizations/{held['id']}/capture"
    body = {"amount": euro("5.00"), "final_capture": True}
    assert shop.post(path, body, "x1").status_code == 201
    assert issue(shop.post(path, {"amount": euro("1.00")}, "x2"))[0] == 422
    order = held["supplementary_data"]["related_ids"]["order_id"]
    (payment,) = shop.here.loop.run(shop.here.inspection.payments(order))
    aside = [one.amount for one in payment.movements if one.kind in {"authorisation", "void"}]
    assert aside == [20_00, -15_00]


def test_what_was_voided_cannot_be_captured(shop: Shop):
    held = shop.authorized()
    path = f"{PAYMENTS}/authorizations/{held['id']}"
    assert shop.post(f"{path}/void", None, "v1").status_code == 204
    assert shop.post(f"{path}/void", None, "v1").status_code == 204
    assert issue(shop.post(f"{path}/void", None, "v2")) == (422, "PREVIOUSLY_VOIDED")
    assert issue(shop.post(f"{path}/capture")) == (422, "AUTHORIZATION_VOIDED")
    assert shop.get(path)["status"] == "VOIDED"


def test_an_authorization_ends_after_29_days(shop: Shop):
    held = shop.authorized()
    path = f"{PAYMENTS}/authorizations/{held['id']}"
    shop.here.pass_time(days=29)
    shop.log_in()
    assert issue(shop.post(f"{path}/capture")) == (422, "AUTHORIZATION_EXPIRED")
    assert shop.get(path)["status"] == "VOIDED"


def test_money_is_set_aside_anew_only_after_the_honor_period_and_counts_once(shop: Shop):
    held = shop.authorized("20.00")
    path = f"{PAYMENTS}/authorizations/{held['id']}"
    assert issue(shop.post(f"{path}/reauthorize")) == (422, "REAUTHORIZATION_TOO_SOON")
    shop.here.pass_time(days=4)
    shop.log_in()
    too_much = shop.post(f"{path}/reauthorize", {"amount": euro("23.01")}, "r1")
    assert issue(too_much) == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    renewed = shop.post(f"{path}/reauthorize", {"amount": euro("23.00")}, "r2").json()
    second = f"{PAYMENTS}/authorizations/{renewed['id']}"
    assert issue(shop.post(f"{second}/reauthorize"))[1] == "REAUTHORIZATION_NOT_SUPPORTED"
    assert issue(shop.post(f"{second}/void"))[1] == "CANNOT_BE_VOIDED"
    assert shop.post(f"{second}/capture", {"amount": euro("20.00")}, "x1").status_code == 201
    # The old one is the same money: three euros are left of both together.
    left = shop.post(f"{path}/capture", {"amount": euro("3.01")}, "x2")
    assert issue(left) == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    assert shop.post(f"{path}/capture", {"amount": euro("3.00")}, "x3").status_code == 201
    assert issue(shop.post(f"{second}/capture"))[1] == "AUTHORIZATION_ALREADY_CAPTURED"


def test_an_invoice_is_paid_once(shop: Shop):
    shop.captured(invoice_id="INV-1")
    order = shop.approved(invoice_id="INV-1")
    assert issue(shop.post(f"{ORDERS}/{order}/capture")) == (422, "DUPLICATE_INVOICE_ID")
    assert shop.here.charges(order) == 0


def test_ids_have_the_shapes_that_paypal_documents(shop: Shop):
    taken = shop.captured(custom_id="pay_1")
    order = shop.get(f"{ORDERS}/{taken['supplementary_data']['related_ids']['order_id']}")
    account = re.compile(r"[2-9A-HJ-NP-Z]{13}")
    assert account.fullmatch(order["payer"]["payer_id"])
    assert account.fullmatch(order["purchase_units"][0]["payee"]["merchant_id"])
    assert re.fullmatch(r"[A-Z0-9]{17}", order["id"])
    assert re.fullmatch(r"[A-Z0-9]{17}", taken["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", order["create_time"])


def test_an_order_of_several_units_is_captured_unit_by_unit(shop: Shop):
    units = [
        {"reference_id": "shoes", "amount": euro("10.00"), "custom_id": "line-1"},
        {"reference_id": "socks", "amount": euro("2.50"), "custom_id": "line-2"},
    ]
    body = {**wanted(), "purchase_units": units}
    order = shop.post(ORDERS, body).json()["id"]
    shop.approve(order)
    paid = shop.post(f"{ORDERS}/{order}/capture", prefer="return=representation").json()
    taken = [
        (unit["reference_id"], unit["payments"]["captures"][0]["amount"]["value"])
        for unit in paid["purchase_units"]
    ]
    assert taken == [("shoes", "10.00"), ("socks", "2.50")]
    assert shop.here.charges("line-2") == 2

"""PayPal: accounts that were saved, charged without asking, and found again by searching."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.sandbox.paypal_shop import ORDERS, Shop, issue, shop_of, wanted

SEARCH = "/v1/reporting/transactions"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_of(tmp_path) as shop:
        yield shop


def saved(vault_id: str, value: str = "20.00", intent: str = "CAPTURE") -> dict[str, object]:
    """Return the body of an order that a saved account pays."""
    body = wanted(value, intent, custom_id="pay_1", invoice_id="pay_1")
    return {**body, "payment_source": {"paypal": {"vault_id": vault_id}}}


def found(shop: Shop, **more: str) -> dict[str, Any]:
    now = shop.here.clock.now()
    told = {
        "start_date": (now - timedelta(days=1)).isoformat(),
        "end_date": now.isoformat(),
        **more,
    }
    answer = shop.here.get("paypal", SEARCH, params=told)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_only_a_saved_account_is_charged_and_only_under_a_request_id(shop: Shop):
    assert issue(shop.post(ORDERS, saved("unknown"), "k1")) == (422, "TOKEN_ID_NOT_FOUND")
    unnamed = shop.post(ORDERS, saved("saved-wealthy"))
    assert issue(unnamed) == (400, "PAYPAL_REQUEST_ID_REQUIRED")
    declined = shop.post(ORDERS, saved("saved-declined"), "k2")
    assert issue(declined) == (422, "INSTRUMENT_DECLINED")
    assert shop.here.charges("pay_1") == 0
    made = shop.post(ORDERS, saved("saved-wealthy"), "k3")
    again = shop.post(ORDERS, saved("saved-wealthy"), "k3")
    assert made.json()["status"] == again.json()["status"] == "COMPLETED"
    assert made.json()["id"] == again.json()["id"]
    assert shop.here.charges("pay_1") == 1


def test_a_saved_account_can_be_authorized(shop: Shop):
    made = shop.post(ORDERS, saved("saved-wealthy", intent="AUTHORIZE"), "k1").json()
    (held,) = made["purchase_units"][0]["payments"]["authorizations"]
    assert (made["status"], held["status"]) == ("COMPLETED", "CREATED")
    assert shop.here.charges("pay_1") == 0


def test_a_payer_is_saved_only_by_a_payment_that_works(shop: Shop):
    vault = {"attributes": {"vault": {"store_in_vault": "ON_SUCCESS"}}}
    body = {**wanted(), "payment_source": {"paypal": vault}}
    order = shop.post(ORDERS, body, "k1").json()["id"]
    page = shop.here.post("paypal", f"/checkoutnow/{order}/approve")
    assert page.status_code == 200
    assert "attributes" not in shop.get(f"{ORDERS}/{order}")["payment_source"]["paypal"]
    paid = shop.post(f"{ORDERS}/{order}/capture", key="c1").json()
    kept = paid["payment_source"]["paypal"]["attributes"]["vault"]
    assert kept["status"] == "VAULTED"
    again = shop.post(ORDERS, saved(kept["id"]), "k2")
    assert again.json()["status"] == "COMPLETED"


def test_a_lost_charge_of_a_saved_account_is_found_by_searching(shop: Shop):
    shop.here.script("drop_after_acting", provider="paypal", operation="create_order")
    with pytest.raises(httpx2.TransportError):
        shop.post(ORDERS, saved("saved-wealthy"), "k1")
    shop.here.script("stale", provider="paypal", operation="search_transactions", seconds=60)
    stale = found(shop)
    assert stale["transaction_details"] == []
    assert stale["last_refreshed_datetime"] == "2026-08-01T11:59:00Z"
    fresh = found(shop)
    (one,) = (each["transaction_info"] for each in fresh["transaction_details"])
    assert (one["custom_field"], one["transaction_status"]) == ("pay_1", "S")
    assert one["transaction_amount"] == {"currency_code": "EUR", "value": "20.00"}
    assert one["fee_amount"] == {"currency_code": "EUR", "value": "-1.09"}
    assert fresh["last_refreshed_datetime"] == "2026-08-01T12:00:00Z"


def test_a_search_is_paged_and_bounded(shop: Shop):
    for at in range(3):
        shop.captured(key=f"c{at}")
    first = found(shop, page_size="2")
    second = found(shop, page_size="2", page="2")
    assert (first["total_items"], first["total_pages"]) == (3, 2)
    assert [len(page["transaction_details"]) for page in (first, second)] == [2, 1]
    wanted_id = second["transaction_details"][0]["transaction_info"]["transaction_id"]
    assert found(shop, transaction_id=wanted_id)["total_items"] == 1
    for wrong in (
        {"start_date": "2026-01-01T00:00:00Z"},
        {"end_date": "yesterday"},
        {"end_date": "2026-08-01T00:00:00"},
        {"page_size": "501"},
        {"page": "0"},
    ):
        now = shop.here.clock.now().isoformat()
        told = {"start_date": now, "end_date": now, **wrong}
        assert shop.here.get("paypal", SEARCH, params=told).status_code == 400
    assert issue(shop.here.get("paypal", SEARCH)) == (400, "MISSING_REQUIRED_PARAMETER")

"""A shop that uses PayPal, for tests: it asks, the payer approves, it captures."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from tests.sandbox.stand import Box, Town, town

from bezant.sandbox.emulator import Access
from bezant.sandbox.paypal import EVERYBODY, PayPal

ORDERS = "/v2/checkout/orders"
PAYMENTS = "/v2/payments"
RETURN_URL = "http://127.0.0.1:9/back?basket=7"
CANCEL_URL = "http://127.0.0.1:9/cancelled"


def euro(value: str, currency: str = "EUR") -> dict[str, str]:
    return {"currency_code": currency, "value": value}


def wanted(value: str = "20.00", intent: str = "CAPTURE", **unit: object) -> dict[str, object]:
    """Return the body of a request for an order."""
    context = {"return_url": RETURN_URL, "cancel_url": CANCEL_URL}
    return {
        "intent": intent,
        "purchase_units": [{"amount": euro(value), **unit}],
        "application_context": context,
    }


def issue(answer: httpx2.Response) -> tuple[int, str]:
    """Return the status and the issue of an error."""
    said = answer.json()
    assert said["debug_id"] == answer.headers["paypal-debug-id"]
    return answer.status_code, said["details"][0]["issue"]


@contextmanager
def shop_of(folder: Path, box: Box | None = None, access: Access = EVERYBODY) -> Iterator["Shop"]:
    """Serve PayPal for one shop. The seal is made once for all tests: it takes a while."""
    shutil.copytree(_sealed(), folder, dirs_exist_ok=True)
    with town(PayPal(access), folder=folder, box=box) as here:
        yield Shop(here)


@cache
def _sealed() -> str:
    folder = tempfile.mkdtemp(prefix="paypal-seal-")
    atexit.register(shutil.rmtree, folder)
    with town(PayPal(), folder=Path(folder)):
        return folder


@dataclass
class Shop:
    """A shop with its own client id and secret."""

    here: Town

    def __post_init__(self) -> None:
        self.log_in()

    def log_in(self) -> str:
        token = self.grant().json()["access_token"]
        self.here.headers["authorization"] = f"Bearer {token}"
        return token

    def grant(self, secret: str = EVERYBODY.secret.reveal(), **form: str) -> httpx2.Response:
        return self.here.post(
            "paypal",
            "/v1/oauth2/token",
            auth=(EVERYBODY.name, secret),
            data={"grant_type": "client_credentials", **form},
            headers={"authorization": ""},
        )

    def get(self, path: str) -> Mapping[str, Any]:
        answer = self.here.get("paypal", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(
        self, path: str, body: object = None, key: str = "", **headers: str
    ) -> httpx2.Response:
        named = {"paypal-request-id": key} if key else {}
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.here.post("paypal", path, json=body or {}, headers={**named, **told})

    def order(self, value: str = "20.00", intent: str = "CAPTURE", key: str = "", **unit: object):
        answer = self.post(ORDERS, wanted(value, intent, **unit), key)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def approve(self, order: str, payer: str = "wealthy") -> None:
        page = self.here.get("paypal", f"/checkoutnow?token={order}")
        assert page.status_code == 200, page.text
        back = self.here.post("paypal", f"/checkoutnow/{order}/approve?payer={payer}")
        assert back.status_code == 303
        said = parse_qs(urlsplit(back.headers["location"]).query)
        assert said["token"] == [order]
        assert said["basket"] == ["7"]

    def approved(self, value: str = "20.00", payer: str = "wealthy", **more: Any) -> str:
        order = self.order(value, **more)
        self.approve(order, payer)
        return order

    def captured(self, value: str = "20.00", payer: str = "wealthy", key: str = "c", **more: Any):
        """Return the capture of a new order."""
        order = self.approved(value, payer, **more)
        answer = self.post(f"{ORDERS}/{order}/capture", key=key)
        assert answer.status_code == 201, answer.text
        return answer.json()["purchase_units"][0]["payments"]["captures"][0]

    def authorized(self, value: str = "20.00", key: str = "a", **more: Any):
        """Return the authorization of a new order."""
        order = self.approved(value, intent="AUTHORIZE", **more)
        answer = self.post(f"{ORDERS}/{order}/authorize", key=key)
        assert answer.status_code == 201, answer.text
        return answer.json()["purchase_units"][0]["payments"]["authorizations"][0]

"""One whole card payment through the API, as a shop and its payer would make it."""

import json
from collections.abc import Mapping
from typing import Final, cast

from bezant.cli.exits import Exit, Stop
from bezant.cli.receipts_story import check_the_receipt
from bezant.cli.screen import step

ANSWER_SECONDS_MAX: Final = 30.0
PAID_SECONDS_MAX: Final = 30.0
PAUSE_SECONDS: Final = 0.05
PRICE: Final = {"amount": "19.99", "asset": "EUR"}
CARD: Final = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
"""A card that every card network's test world knows, and that buys nothing."""
Json = Mapping[str, object]


class Shop:
    """The sample merchant's server with its secret key, and its payers' pages with the other."""

    def __init__(self, url: str, secret_key: str, publishable_key: str) -> None:
        self._url = url
        self._secret_key = secret_key
        self._publishable_key = publishable_key

    def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        key: str = "",
        *,
        as_payer: bool = False,
    ) -> Json:
        """Call the API and return its answer, or end the command with what it said."""
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        request = Request(  # noqa: S310 - our own http address
            self._url + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "x-api-key": self._publishable_key if as_payer else self._secret_key,
                "content-type": "application/json",
            }
            | ({"idempotency-key": key} if key else {}),
        )
        try:
            with urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310
                return cast("Json", json.loads(answer.read()))
        except HTTPError as refused:
            said = cast("Json", json.loads(refused.read() or b"{}"))
            problem = f"{method} {path} answered {refused.code}: {said.get('detail', '')}"
        except (OSError, HTTPException, ValueError):  # Hung up on, cut short, or nobody is there.
            problem = f"{method} {path} got no answer"
        raise Stop(problem, "Look at bezant logs.", Exit.WRONG)


def pay_an_order(shop: Shop, chance: str, *, receipts: bool = True) -> dict[str, str]:
    """Make an order, turn a card into a token, set the money aside, take it; return what came."""
    with step("making an order", "an order was made: 19.99 EUR"):
        wanted: Json = {
            "amount": PRICE,
            "description": "A weighing scale",
            "reference": f"demo-{chance}",
        }
        order = shop.ask("POST", "/v1/orders", wanted, f"demo-order-{chance}")
    with step("putting the card away", "the card became a token; its number stays in the vault"):
        card = shop.ask("POST", "/v1/payments/tokenize", CARD, as_payer=True)
    with step("asking for the money", "the money is set aside"):
        asked: Json = {
            "amount": PRICE,
            "order": order["id"],
            "description": wanted["description"],
            "pay_with": {"card": card["token"]},
            "capture": False,
        }
        held = shop.ask("POST", "/v1/payments", asked, f"demo-pay-{chance}")
        _expect(held, "authorized")
    with step("taking the money", "the money is taken, and it is in the book"):
        path = f"/v1/payments/{held['id']}/capture"
        paid = shop.ask("POST", path, {}, f"demo-capture-{chance}")
        _expect(paid, "succeeded")
    with step("waiting for the order to hear of it", "the order is paid"):
        status = _paid(shop, str(order["id"]))
    receipt = check_the_receipt(shop, str(paid["id"])) if receipts else {}
    return {
        "order": str(order["id"]),
        "order_status": status,
        "payment": str(paid["id"]),
        "state": str(paid["state"]),
        "amount": _told(paid["captured"]),
        "fee": _told(paid["fee"]),
        "card": f"{card['brand']} ending in {card['last4']}",
        "provider": f"{paid['provider']}, emulated: {paid['reference']}",
        **receipt,
    }


def _expect(payment: Json, state: str) -> None:
    if payment["state"] != state:
        raise Stop(
            f"The payment is {payment['state']}, not {state}.", "Look at bezant logs.", Exit.WRONG
        )


def _paid(shop: Shop, order: str) -> str:
    """Wait until the order has followed the payment."""
    from time import monotonic, sleep

    until = monotonic() + PAID_SECONDS_MAX
    while True:
        status = str(shop.ask("GET", f"/v1/orders/{order}")["status"])
        if status == "paid":
            return status
        if monotonic() > until:
            raise Stop(f"The order is still {status}.", "Look at bezant logs.", Exit.WRONG)
        sleep(PAUSE_SECONDS)


def _told(money: object) -> str:
    amount = cast("Json", money)
    return f"{amount['amount']} {amount['asset']}"

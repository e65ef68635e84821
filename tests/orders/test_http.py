"""Orders over HTTP: what a merchant's server may do, and what a payer's browser may."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic
from typing import cast

import httpx2
import pytest
from tests.orders.shop import ANN, CARD, Shop
from tests.vault.canaries import everything_in, written

from bezant.actor import Actor, Caller, Mode
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import KeyKind, Role
from bezant.identity.rules import key_permissions
from bezant.orders.http import routes
from bezant.payments.port import Payments
from bezant.telemetry.metrics import Meters

pytestmark = pytest.mark.requirement("S000-5")
NUMBER = "4242 4242 4242 4242"
SERVER, PAGE = "sk_test_ann", "pk_test_ann"
OFFER = {"amount": {"amount": "20.00", "asset": "EUR"}, "description": "Two chairs"}


class Callers:
    """Knows two keys of Ann's."""

    def known(self, credential: Credential) -> Actor | None:
        kinds = {SERVER: KeyKind.SECRET, PAGE: KeyKind.PUBLISHABLE}
        kind = kinds.get(credential.secret.reveal())
        if kind is None:
            return None
        permissions = key_permissions(kind, Role.DEVELOPER, ())
        return Actor(Caller.KEY, f"key_{kind}", ANN, Mode.TEST, permissions)

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    ground = Ground(Callers(), MemoryLimits(monotonic), Meters(), shop.ids, Health(shop.clock))
    edge = build(
        routes(shop.orders, cast("Payments", shop.till)),
        service="orders",
        ground=ground,
        rules=Rules(),
    )
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://orders.test") as client:
        yield client


async def ask(
    client: httpx2.AsyncClient,
    method: str,
    path: str,
    body: object = None,
    *,
    by: str = SERVER,
    key: str = "",
) -> httpx2.Response:
    headers = {"x-api-key": by, "content-type": "application/json"}
    if key:
        headers["idempotency-key"] = key
    content = b"" if body is None else json.dumps(body).encode()
    return await client.request(method, path, content=content, headers=headers)


@pytest.mark.parametrize("path", ["/v1/orders", "/api/order"])
@pytest.mark.requirement("S000-4", part="orders")
async def test_an_order_is_made_read_and_listed(client: httpx2.AsyncClient, path: str):
    body = {"amount": OFFER["amount"], "reference": "A-1", "metadata": {"a": "b"}}
    made = await ask(client, "POST", path, body, key="k")
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["status"], told["amount"]) == ("open", OFFER["amount"])
    again = await ask(client, "POST", path, body, key="k")
    assert (again.json(), again.headers["idempotent-replayed"]) == (told, "true")
    one = await ask(client, "GET", f"{path}/{told['id']}")
    shown = {**told, "payment_objects": None, "customer_object": None}
    assert one.json() == shown
    listed = await ask(client, "GET", f"{path}?reference=A-1&status=open")
    assert listed.json()["data"] == [shown]
    assert (await ask(client, "GET", f"{path}?status=paid")).json()["data"] == []


async def test_orders_are_found_by_what_is_known_of_them(client: httpx2.AsyncClient, shop: Shop):
    for number in (1, 2, 3):
        body = {
            "amount": OFFER["amount"],
            "reference": f"A-{number}",
            "description": f"Chair {number}",
            "customer": f"c{number % 2}",
            "metadata": {"cart": str(number % 2), "room": "x"},
        }
        assert (await ask(client, "POST", "/v1/orders", body)).status_code == 201
        shop.clock.move(timedelta(hours=1))
    later = "2026-11-20T13:00:00Z"

    async def found(query: str) -> list[str]:
        answer = await ask(client, "GET", f"/v1/orders?{query}")
        assert answer.status_code == 200, answer.text
        return sorted(one["reference"] for one in answer.json()["data"])

    assert await found("customer=c1") == ["A-1", "A-3"]
    assert await found("metadata=cart:0&metadata=room:x") == ["A-2"]
    assert await found(f"created_from={later}") == ["A-2", "A-3"]
    assert await found(f"created_until={later}") == ["A-1"]
    assert await found("query=CHAIR%202") == ["A-2"]
    assert await found("query=a-&customer=c0") == ["A-2"]
    assert await found("query=%25") == []
    for wrong, field in (
        ("created_from=2026-11-20T13:00:00", "created_from"),
        ("metadata=cart", "metadata"),
        ("status=lost", "status"),
        ("limit=0", "limit"),
        ("starting_after=nothing", "starting_after"),
    ):
        refused = await ask(client, "GET", f"/v1/orders?{wrong}")
        assert (refused.status_code, refused.json()["field"]) == (400, field), refused.text


async def test_nobody_sets_a_status(client: httpx2.AsyncClient):
    for field in ("status", "paid", "refunded"):
        refused = await ask(
            client, "POST", "/v1/orders", {"amount": OFFER["amount"], field: "paid"}
        )
        assert (refused.status_code, refused.json()["code"]) == (400, "field_unknown")
    made = (await ask(client, "POST", "/v1/orders", {"amount": OFFER["amount"]})).json()
    for method in ("PATCH", "PUT", "DELETE"):
        answer = await ask(client, method, f"/v1/orders/{made['id']}", {"status": "paid"})
        assert answer.status_code == 405


async def test_a_payers_page_pays_with_its_secret_and_can_do_nothing_else(
    client: httpx2.AsyncClient, shop: Shop
):
    shop.cards.bound[CARD] = ""
    made = await ask(client, "POST", "/v1/checkout_sessions", OFFER)
    assert made.status_code == 201, made.text
    session, secret = made.json()["id"], made.json()["client_secret"]
    path = f"/v1/checkout_sessions/{session}"

    blind = await ask(client, "GET", path, by=PAGE)
    assert (blind.status_code, blind.json()["code"]) == (403, "client_secret_invalid")
    seen = await ask(client, "GET", f"{path}?client_secret={secret}", by=PAGE)
    assert (seen.status_code, seen.json()["state"]) == (200, "open")
    assert "client_secret" not in seen.json()
    wrong = await ask(
        client, "POST", f"{path}/confirm", {"client_secret": "x", "card": CARD}, by=PAGE, key="w"
    )
    assert wrong.status_code == 403
    body = {"client_secret": secret, "card": CARD}
    unkeyed = await ask(client, "POST", f"{path}/confirm", body, by=PAGE)
    assert (unkeyed.status_code, unkeyed.json()["code"]) == (400, "idempotency_key_missing")
    for method, other in (
        ("POST", "/v1/checkout_sessions"),
        ("POST", f"{path}/expire"),
        ("POST", "/v1/orders"),
        ("GET", "/v1/orders"),
        ("GET", f"/v1/orders/{seen.json()['order']}"),
        ("POST", "/v1/payment_links"),
        ("GET", "/v1/payment_links"),
    ):
        refused = await ask(client, method, other, OFFER if method == "POST" else None, by=PAGE)
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_permissions")
    paid = await ask(client, "POST", f"{path}/confirm", body, by=PAGE, key="once")
    assert (paid.status_code, paid.json()["state"]) == (200, "complete"), paid.text
    assert (await ask(client, "GET", path)).json()["state"] == "complete", "the server just looks"


async def test_a_link_is_followed_from_a_page(client: httpx2.AsyncClient, shop: Shop):
    shop.cards.bound[CARD] = ""
    made = await ask(client, "POST", "/v1/payment_links", {**OFFER, "uses_max": 1}, key="k")
    link = made.json()["id"]
    assert (await ask(client, "GET", f"/v1/payment_links/{link}", by=PAGE)).json()["open"]
    opened = (await ask(client, "POST", f"/v1/payment_links/{link}/open", by=PAGE)).json()
    body = {"client_secret": opened["client_secret"], "card": CARD}
    path = f"/v1/checkout_sessions/{opened['id']}/confirm"
    paid = await ask(client, "POST", path, body, by=PAGE, key="once")
    assert paid.json()["state"] == "complete"
    by_link = await ask(client, "GET", f"/v1/checkout_sessions?link={link}")
    assert [one["id"] for one in by_link.json()["data"]] == [opened["id"]]
    assert by_link.json()["data"][0]["state"] == "complete"
    other = await ask(client, "GET", f"/v1/checkout_sessions?order=ord_{'0' * 32}")
    assert other.json()["data"] == []
    wrong = await ask(client, "GET", "/v1/checkout_sessions?link=nothing")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "link")
    again = await ask(client, "POST", f"/v1/payment_links/{link}/open", by=PAGE)
    assert (again.status_code, again.json()["code"]) == (422, "payment_link_used_up")
    closed = await ask(client, "POST", f"/v1/payment_links/{link}/close")
    assert closed.json()["open"] is False
    listed = await ask(client, "GET", "/v1/payment_links")
    assert [one["id"] for one in listed.json()["data"]] == [link]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({**OFFER, "amount": {"amount": 20, "asset": "EUR"}}, "amount"),
        ({**OFFER, "amount": {"amount": "-1.00", "asset": "EUR"}}, "amount"),
        ({**OFFER, "methods": ["gold"]}, "methods[0]"),
        ({**OFFER, "return_url": "javascript:alert(1)"}, "return_url"),
        ({**OFFER, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({**OFFER, "expires_at": "2027-01-01"}, "expires_at"),
        ({**OFFER, "methods": ["card", "card"]}, "methods"),
        ({**OFFER, "description": f"for {NUMBER}"}, "description"),
        ({**OFFER, "descriptor": NUMBER}, "descriptor"),
        ({**OFFER, "return_url": f"https://a.example/{NUMBER}"}, "return_url"),
        ({**OFFER, "metadata": {"card": NUMBER}}, "metadata"),
        ({**OFFER, "metadata": {NUMBER: "card"}}, "metadata"),
    ],
)
async def test_a_mistake_is_named(client: httpx2.AsyncClient, body: object, field: str):
    answer = await ask(client, "POST", "/v1/checkout_sessions", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    assert NUMBER not in answer.text


@pytest.mark.parametrize("field", ["reference", "description", "customer"])
@pytest.mark.catalogue("T80")
async def test_no_order_takes_a_card_number(client: httpx2.AsyncClient, shop: Shop, field: str):
    for number in (NUMBER, NUMBER.replace(" ", ""), NUMBER.replace(" ", "-")):
        refused = await ask(
            client, "POST", "/v1/orders", {"amount": OFFER["amount"], field: number}
        )
        assert (refused.status_code, refused.json()["field"]) == (400, field), refused.text
    listed = await ask(client, "GET", f"/v1/orders?query={NUMBER}")
    assert (listed.status_code, listed.json()["field"]) == (400, "query")
    # The control: a number that no card has is a number.
    telephone = {"amount": OFFER["amount"], field: "4242 4242 4242 4241"}
    assert (await ask(client, "POST", "/v1/orders", telephone)).status_code == 201
    forms = written(NUMBER.replace(" ", ""))
    rows = [row for _, row in everything_in(shop.database.administrator_dsn)]
    assert any(b"4242 4242 4242 4241" in row for row in rows)
    assert not any(form in row for row in rows for form in forms)


async def test_what_a_checkout_names_has_to_be_there(client: httpx2.AsyncClient, shop: Shop):
    nobody, somebody = f"cus_{'0' * 32}", f"cus_{'1' * 32}"
    shop.till.customers.add(somebody)
    for more, field in (({"customer": nobody}, "customer"), ({"order": "ord_1"}, "order")):
        refused = await ask(client, "POST", "/v1/checkout_sessions", {**OFFER, **more})
        assert (refused.status_code, refused.json()["field"]) == (404, field), refused.text
    made = await ask(client, "POST", "/v1/checkout_sessions", {**OFFER, "customer": somebody})
    assert made.status_code == 201, made.text
    found = await ask(client, "GET", f"/v1/checkout_sessions?customer={somebody}")
    assert [one["id"] for one in found.json()["data"]] == [made.json()["id"]]

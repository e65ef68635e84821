"""PayPal killed in the middle of payments: what was asked for happened once, or not at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
from tests.sandbox.paypal_shop import ORDERS, euro
from tests.sandbox.test_crash import GONE, ports_of, started

from bezant.sandbox.paypal import EVERYBODY

CALLERS = 4
CALLS_BEFORE_THE_END = 20


@contextmanager
def client_of(port: int) -> Iterator[httpx2.Client]:
    """Yield a client that has a token."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        known = (EVERYBODY.name, EVERYBODY.secret.reveal())
        form = {"grant_type": "client_credentials"}
        token = client.post("/v1/oauth2/token", auth=known, data=form).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def pay(client: httpx2.Client, key: str) -> httpx2.Response:
    """Charge a saved account: an order, its capture and its money in one request."""
    body = {
        "intent": "CAPTURE",
        "purchase_units": [{"amount": euro("20.00"), "invoice_id": key}],
        "payment_source": {"paypal": {"vault_id": "saved-wealthy"}},
    }
    headers = {"paypal-request-id": key, "prefer": "return=representation"}
    return client.post(ORDERS, json=body, headers=headers)


def test_a_killed_paypal_has_charged_once_what_it_answered_and_what_it_did_not(tmp_path: Path):
    asked: list[str] = []
    answered: dict[str, str] = {}

    def pay_until(port: int, name: str) -> None:
        with client_of(port) as client:
            for at in range(10_000):
                key = f"{name}-{at}"
                asked.append(key)
                try:
                    answer = pay(client, key)
                except GONE:
                    return
                assert answer.status_code == 201, answer.text
                answered[key] = answer.json()["id"]

    with started(tmp_path) as program:
        port = ports_of(program)["paypal"]
        with ThreadPoolExecutor(CALLERS) as pool:
            working = [pool.submit(pay_until, port, str(caller)) for caller in range(CALLERS)]
            while len(answered) < CALLS_BEFORE_THE_END:
                assert not any(one.done() for one in working), program.output
            program.kill()
            for one in working:
                one.result(60)
    assert len(asked) == len(answered) + CALLERS

    with started(tmp_path) as program:
        ports = ports_of(program)
        desk = f"http://127.0.0.1:{ports['inspection']}/charges"
        with client_of(ports["paypal"]) as client:
            for key in asked:
                before = client.get(desk, params={"key": key}).json()["charges"]
                assert before == 1 if key in answered else before in {0, 1}
                again = pay(client, key)
                assert again.is_success
                assert answered.get(key, again.json()["id"]) == again.json()["id"]
                assert client.get(desk, params={"key": key}).json()["charges"] == 1
                whole = client.get(f"{ORDERS}/{again.json()['id']}").json()
                (taken,) = whole["purchase_units"][0]["payments"]["captures"]
                assert (whole["status"], taken["status"]) == ("COMPLETED", "COMPLETED")

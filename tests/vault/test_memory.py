"""With the vault in a process of its own, no other process ever has a card number in its memory."""

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.cli.running import Foreground, Nest, health, served
from tests.harness.ports import free_port
from tests.vault.canaries import Canary, canaries, found_in
from tests.vault.memory import descendants, memory_of

pytestmark = [
    pytest.mark.catalogue("T80"),
    pytest.mark.requirement("S004-5", part="no card number in memory"),
]


def ask(url: str, body: object, **headers: str) -> tuple[int, Any]:
    """Send JSON and return the status and what was told."""
    content = json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, content, {"content-type": "application/json", **named}, method="POST")
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def live_key(nest: Nest, url: str) -> str:
    """Make a key of live mode: there any number but the published ones is a card."""
    sample = json.loads(nest.place_of_sample().read_text())
    login = {"email": sample["email"], "password": sample["password"], "mode": "live"}
    _, session = ask(f"{url}/v1/session", {**login, "deliver": "token"})
    bearer = f"Bearer {session['token']}"
    status, key = ask(f"{url}/v1/keys", {"kind": "sk", "role": "admin"}, authorization=bearer)
    assert status == 201, key
    return key["secret"]


def card(one: Canary, **more: object) -> dict[str, object]:
    return {"number": one.number, "exp_month": 9, "exp_year": 2031, "cvc": one.code, **more}


def cards_in(pids: list[int], marked: list[Canary]) -> set[str]:
    """Return every marked card that any of these processes knows."""
    seen: set[str] = set()
    return {
        hit for pid in pids for piece in memory_of(pid, seen) for hit in found_in(piece, marked)
    }


@pytest.fixture
def apart(installed: Nest) -> Iterator[tuple[Foreground, Foreground, str, str]]:
    """A platform whose vault has a process of its own; and the addresses of both."""
    vault_port, address = free_port(), f"127.0.0.1:{free_port()}"
    base = installed.up(VAULT_GRPC=address)
    url = base.url()
    words = ("vault", "--grpc", address)
    with served(installed, *words, VAULT_PORT=str(vault_port)) as vault:
        vault.wait_for("Stop ")
        own = f"http://127.0.0.1:{vault_port}"
        assert health(own)["service"] == "vault"
        yield base, vault, url, own


def test_only_the_vault_has_card_numbers_in_memory(
    installed: Nest, apart: tuple[Foreground, Foreground, str, str]
):
    base, vault, url, own = apart
    key = live_key(installed, url)
    marked = canaries()
    for one in marked:
        status, told = ask(f"{own}/v1/payments/tokenize", card(one), x_api_key=key)
        assert status == 201, told
        status, told = ask(f"{own}/v1/payments/tokenize", card(one, exp_year=2020), x_api_key=key)
        assert (status, told["code"]) == (400, "card_expired")
        status, told = ask(f"{own}/v1/payments/tokenize", card(one, cvc="1"), x_api_key=key)
        assert (status, told["code"]) == (400, "cvc_invalid")
        _, told = ask(f"{own}/v1/payments/tokenize", card(one), x_api_key=key)
        price = {"amount": "20.00", "asset": "EUR"}
        paying = {"amount": price, "pay_with": {"card": told["token"]}, "order": "A-1"}
        status, told = ask(
            f"{url}/v1/payments", paying, x_api_key=key, idempotency_key=told["token"]
        )
        assert status in (201, 422), "a demo has no provider for live mode; it was asked for one"
    others = [pid for pid in descendants(base.pid) if pid != vault.pid]
    assert len(others) > 3, "the platform and its database"
    assert cards_in(others, marked) == set()
    assert cards_in([vault.pid], marked), "the control: there they are"
    assert len(cards_in([os.getpid()], marked)) == len(marked), "and here are all of them"
    # The negative control: a number that somebody writes into a name is found where it went.
    body = {"asset": "EUR", "type": "asset", "owner": marked[7].number}
    status, told = ask(f"{url}/v1/accounts", body, x_api_key=key, idempotency_key="k")
    assert status == 201, told
    assert cards_in(others, marked) == {marked[7].number[-4:]}


@pytest.mark.requirement("S000-4", part="tokenize")
def test_a_gateway_passes_cards_on_to_a_vault_in_another_process(
    installed: Nest, apart: tuple[Foreground, Foreground, str, str]
):
    _, vault, url, own = apart
    key = json.loads(installed.place_of_sample().read_text())["publishable_key"]
    body = {"number": "4242424242424242", "exp_month": 9, "exp_year": 2031, "cvc": "123"}
    status, told = ask(f"{url}/v1/payments/tokenize", body, x_api_key=key)
    assert (status, told["brand"]) == (201, "visa")
    _, direct = ask(f"{own}/v1/payments/tokenize", body, x_api_key=key)
    assert direct["fingerprint"] == told["fingerprint"]
    status, refused = ask(f"{url}/v1/payments/tokenize", {**body, "cvc": "1"}, x_api_key=key)
    assert (status, refused["code"], refused["field"]) == (400, "cvc_invalid", "cvc")
    vault.process.kill()  # The control: it was the other process that answered.
    vault.ended()
    assert ask(f"{url}/v1/payments/tokenize", body, x_api_key=key)[0] == 503

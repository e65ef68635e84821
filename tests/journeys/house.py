"""A whole house as a company runs it, and the people around it: its shop, its payers, its staff.

Everything is asked over HTTP; the providers are the emulators beside the house, and their books
are the judge.
"""

import itertools
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx2
from tests.cli.running import Foreground, Nest, served
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until
from tests.sandbox.stand import TRUST

from bezant.cli.beside import beside

SILENCE_SECONDS = 150.0  # A provider that knew nothing is believed after a minute.
GOOD = "4242424242424242"
PASSWORD = "correct horse battery staple"
Json = dict[str, Any]


@dataclass
class House:
    """A running demo with its sample merchant."""

    nest: Nest
    running: Foreground
    url: str
    desk: str
    client: httpx2.Client
    sample: Mapping[str, str]
    words: str = field(default_factory=lambda: secrets.token_hex(4))
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def fresh(self, what: str = "key") -> str:
        """Return a name nobody has used in this house."""
        return f"{what}-{self.words}-{next(self._numbers)}"

    def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        by: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Ask as the shop's server, unless somebody else is named; under a fresh key, likewise."""
        headers = dict(by or {"x-api-key": self.sample["secret_key"]})
        if method == "POST":
            headers["idempotency-key"] = key or self.fresh()
        return self.client.request(method, self.url + path, json=body, headers=headers)

    def told(self, method: str, path: str, body: Json | None = None, **how: Any) -> Json:
        """Ask, and insist on a yes."""
        answer = self.ask(method, path, body, **how)
        assert answer.status_code in {200, 201}, f"{method} {path}: {answer.text}"
        return answer.json()

    def card(self, number: str = GOOD, code: str = "123") -> str:
        """Put a card away as the payer's page does: with the publishable key."""
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": code}
        by = {"x-api-key": self.sample["publishable_key"]}
        return self.told("POST", "/v1/payments/tokenize", card, by=by)["token"]

    def pay(self, amount: str = "20.00 EUR", number: str = GOOD, **more: Any) -> Json:
        """Charge a card, or ask for what is to be paid otherwise."""
        if "pay_with" not in more:
            more["pay_with"] = {"card": self.card(number)}
        return self.told("POST", "/v1/payments", {"amount": money(amount), **more})

    def payment(self, payment: Json) -> Json:
        """Return a payment as it stands."""
        return self.told("GET", f"/v1/payments/{payment['id']}")

    def comes_to(self, payment: Json, state: str) -> Json:
        """Wait until a payment stands so, and return it."""
        wait_until(lambda: self.payment(payment)["state"] == state, f"{payment['id']} is {state}")
        return self.payment(payment)

    def charges(self, payment: Json) -> int:
        """Return how often the payer was charged for a payment, by the providers' books."""
        attempts = self.told("GET", f"/v1/payments/{payment['id']}/attempts")["data"]
        keys = [one["id"] for one in attempts if one["operation"] == "charge"]
        return sum(self.at_desk("GET", f"/charges?key={key}")["charges"] for key in keys)

    def at_desk(self, method: str, path: str, body: Json | None = None) -> Json:
        """Ask the emulators' desk."""
        answer = self.client.request(method, self.desk + path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def script(self, effect: str, provider: str = "stripe", **meant: Any) -> None:
        """Let a provider's next call end otherwise."""
        self.at_desk("POST", "/scripts", {"effect": effect, "provider": provider, **meant})

    def events(self, provider: str, kind: str = "") -> list[Json]:
        """Return the webhooks a provider has sent, and what became of each; newest first."""
        found = self.at_desk("GET", f"/webhooks?provider={provider}")["webhooks"]
        return [one for one in found if one["type"].startswith(kind)]

    def pass_time(self, step: str) -> None:
        """Move the business clock, here and at the providers."""
        moved = self.nest.run("sandbox", "clock", step, "--json")
        assert moved.facts["followed"] is True, moved
        self.at_desk("POST", "/due", {})

    def person(self, role: str) -> Mapping[str, str]:
        """Let somebody join the shop with this role and log in."""
        mail = f"{self.fresh(role)}@shop.example"
        wish = {"email": mail, "role": role}
        invited = self.told("POST", "/v1/invitations", wish, by=self.owner("test"))
        accepted = {"token": invited["token"], "name": role, "password": PASSWORD}
        self.told("POST", "/v1/invitations/accept", accepted, by={"accept": "application/json"})
        return {"authorization": f"Bearer {self._log_in(mail)}"}

    def _log_in(self, mail: str, mode: str = "test", *, own: bool = False) -> str:
        password = self.sample["password"] if own else PASSWORD
        body = {"email": mail, "password": password, "deliver": "token", "mode": mode}
        return self.told("POST", "/v1/session", body, by={"accept": "application/json"})["token"]

    def operator(self) -> Mapping[str, str]:
        """Let an administrator of the platform itself join, and log in."""
        mail = f"{self.fresh('operator')}@platform.example"
        made = self.nest.run("users", "invite", mail, "--json")
        token = made.facts["link"].partition("#")[2]
        accepted = {"token": token, "name": "Op", "password": PASSWORD}
        self.told("POST", "/v1/invitations/accept", accepted, by={"accept": "application/json"})
        return {"authorization": f"Bearer {self._log_in(mail)}"}

    def another_merchant(self) -> Mapping[str, str]:
        """Add a merchant, and return its administrator's key."""
        operator = self.operator()
        made = self.told("POST", "/v1/merchants", {"name": "Another"}, by=operator)
        wish = {"email": f"{self.fresh('owner')}@another.example", "role": "admin"}
        path = f"/v1/invitations?tenant={made['id']}"
        invited = self.told("POST", path, wish, by=operator)
        accepted = {"token": invited["token"], "name": "Owner", "password": PASSWORD}
        self.told("POST", "/v1/invitations/accept", accepted, by={"accept": "application/json"})
        owner = {"authorization": f"Bearer {self._log_in(wish['email'])}"}
        wanted = {"kind": "sk", "role": "admin"}
        return {"x-api-key": self.told("POST", "/v1/keys", wanted, by=owner)["secret"]}

    def owner(self, mode: str) -> Mapping[str, str]:
        """Let the shop's owner log in, in one mode."""
        mail = self.sample["email"]
        return {"authorization": f"Bearer {self._log_in(mail, mode, own=True)}"}

    def imbalances(self, operator: Mapping[str, str]) -> dict[str, str]:
        """Return by how much the postings of each asset do not add up to nothing."""
        told = self.told("GET", "/v1/reports/trial-balance", by=operator)["assets"]
        assert told, "something was posted"
        return {one["asset"]: one["difference"]["amount"] for one in told}

    def order(self, order: str) -> str:
        """Return an order's status."""
        return self.told("GET", f"/v1/orders/{order}")["status"]

    def order_comes_to(self, order: str, status: str) -> None:
        """Wait until an order has followed its money, a provider's silence of a minute included."""
        wait_until(lambda: self.order(order) == status, f"{order} is {status}", SILENCE_SECONDS)

    def database(self) -> str:
        """Return the address of the whole database, as its administrator."""
        here = beside(self.nest.data)
        return here.ground().administrator.reveal()


def money(text: str) -> Json:
    """Return an amount as the API writes it."""
    amount, _, asset = text.partition(" ")
    return {"amount": amount, "asset": asset}


def approved_page(house: House, payment: Json) -> None:
    """Do the payer's part on PayPal's page."""
    url = urlsplit(payment["next_action"]["url"])
    page = f"{url.scheme}://{url.netloc}/checkoutnow/{payment['reference']}/approve"
    assert house.client.post(page).status_code in {200, 303}


def transferred(house: House, payment: Json, amount: str) -> None:
    """Send the money from the payer's bank, as the payer was told to."""
    facts = payment["next_action"]["facts"]
    bank = urlsplit(payment["next_action"]["url"])
    body = {
        "creditor_iban": facts["iban"], "amount": amount, "reference": facts["reference"],
        "instant": True,
    }  # fmt: skip
    answer = house.client.post(f"{bank.scheme}://{bank.netloc}/transfers", json=body)
    assert answer.status_code == 201, answer.text


@contextmanager
def open_house(nest: Nest, **variables: str) -> Iterator[House]:
    """Start a house with its emulators beside it, and stop it."""
    running = nest.up(**variables)
    url = running.url()
    found = re.search(r"Sandbox +(http://[0-9.]+:\d+)", running.said)
    desk = found[1] if found else ""
    with httpx2.Client(timeout=30, verify=TRUST) as client:
        yield House(
            nest, running, url, desk, client, json.loads(nest.place_of_sample().read_text())
        )
    if running.process.poll() is None:
        running.stop()


@contextmanager
def apart(house: House, *modules: str, **variables: str) -> Iterator[House]:
    """Serve these modules, and a gateway that calls them, each from a process of its own."""
    with ExitStack() as stack:
        addresses = {f"{one.upper()}_GRPC": f"127.0.0.1:{free_port()}" for one in modules}
        variables |= addresses | {"VAULT_PORT": "0"}  # Any: several houses stand side by side.
        started = [
            stack.enter_context(
                served(house.nest, one, "--grpc", addresses[f"{one.upper()}_GRPC"], **variables)
            )
            for one in modules
        ]
        for running in started:
            running.wait_for("Stop ")
        words = ("gateway", "--port", str(free_port()))
        gateway = stack.enter_context(served(house.nest, *words, **variables))
        gateway.wait_for("Stop ")
        found = re.search(r"http://[0-9.:]+", gateway.said)
        assert found is not None, gateway.said
        yield replace(house, url=found[0], words=secrets.token_hex(4))

"""What the payer's page asks: answered to its payer, and to merchants as far as each may read."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from time import monotonic
from types import SimpleNamespace
from typing import Final, cast

import httpx2
import pytest

from bezant.actor import Actor, Caller, Mode
from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialKind
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.ids import Ids
from bezant.money import Money
from bezant.orders.checkout import ReadSession
from bezant.receipts.port import About, Outcome
from bezant.telemetry.metrics import Meters
from bezant.web.http import Known, routes

SESSION: Final = "cs_" + "1" * 32
PAGE: Final = f"/v1/checkout_sessions/{SESSION}/page"
PAID: Final = Money.of("20.00 EUR")
THEN: Final = datetime(2026, 8, 1, 12, tzinfo=UTC)


class Everybody:
    """Knows each by the permissions that stand in the key, and a payer by the session's id."""

    def known(self, credential: Credential) -> Actor | None:
        text = credential.secret.reveal()
        if credential.kind is CredentialKind.BEARER:
            may = frozenset({"checkout.read"})
            return Actor(Caller.CLIENT, text, "mer_1", Mode.TEST, may)
        may = frozenset(text.split("+"))
        return Actor(Caller.KEY, "key_1", "mer_1", Mode.TEST, may, "developer")

    async def identify(self, credential: Credential) -> Actor:
        raise AssertionError("everybody is known")


class Paid:
    """One session that was paid, and all that is known of it."""

    async def session(self, query: ReadSession) -> SimpleNamespace:
        assert query.session == SESSION
        return SimpleNamespace(
            offer=SimpleNamespace(amount=PAID, capture=True, ways=()), payment="pay_1"
        )

    async def ways(self, query: object) -> tuple[()]:
        return ()

    async def payment(self, tenant: str, mode: Mode, payment: str) -> SimpleNamespace:
        return SimpleNamespace(
            id=payment, captured=PAID, authorized=PAID, refunded=PAID - PAID, updated_at=THEN,
            method=None, card="",
        )  # fmt: skip

    async def merchant(self, by: Actor, merchant: str) -> SimpleNamespace:
        return SimpleNamespace(name="Shop")

    async def receipts(self, query: object) -> SimpleNamespace:
        one = SimpleNamespace(
            id="rcp_1", about=About.PAYMENT, outcome=Outcome.SUCCEEDED, amount=PAID,
            decided_at=THEN, code="unguessable",
        )  # fmt: skip
        return SimpleNamespace(receipts=(one,))


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    real = RealClock()
    ground = Ground(Everybody(), MemoryLimits(monotonic), Meters(), Ids(real), Health(real))
    paid = Paid()
    known = cast(
        "Known",
        SimpleNamespace(
            orders=paid, payments=paid, receipts=paid, vault=paid, identity=paid, clock=real,
            vault_url="",
        ),
    )  # fmt: skip
    edge = build([routes(known)], service="web", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://pay.test") as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "links"),
    [
        ({"authorization": f"Bearer {SESSION}"}, ["/receipts/unguessable"]),
        ({"x-api-key": "checkout.read+orders.read+receipts.read"}, ["/receipts/unguessable"]),
        ({"x-api-key": "checkout.read+orders.read"}, []),
    ],
)
async def test_a_receipt_is_its_payers_and_whose_work_receipts_are(
    client: httpx2.AsyncClient, headers: dict[str, str], links: list[str]
) -> None:
    answer = await client.get(PAGE, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["paid"] == {"amount": "20.00", "asset": "EUR"}
    assert [one["link"] for one in answer.json()["receipts"]] == links


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer cs_" + "2" * 32},
        {"authorization": "Bearer plink_" + "1" * 32},
        {"x-api-key": "checkout.read"},
    ],
)
async def test_whoever_is_neither_its_payer_nor_its_merchant_learns_nothing(
    client: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.get(PAGE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "client_secret_invalid")

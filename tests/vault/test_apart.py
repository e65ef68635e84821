"""The vault's doors mean the same near and far, and only who may call them gets through."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.rpc.apart import APART, PLACES, TOGETHER, at
from tests.vault.apart_vault import vault_service

from bezant.actor import Actor, Caller, Mode
from bezant.errors import Forbidden
from bezant.exchange import Encoding, ProviderRequest
from bezant.secret import Secret
from bezant.vault.port import CardDoor, CardFace, CardNumberInvalid, Tokenise, UnknownCard, Vault

pytestmark = pytest.mark.requirement("S004-7", part="vault")
ANN = "mer_" + "a" * 32
ASKER = Actor(Caller.KEY, "key_1", ANN, Mode.TEST, frozenset({"tokens.write"}), "developer")
BODY = b'{"number":"4242 4242 4242 4242","exp_month":"7","exp_year":31,"cvc":"902"}'


@dataclass
class Doors:
    """Both doors of one vault process, as one caller may use them."""

    vault: Vault
    cards: CardDoor


@pytest.fixture
def arguments(database: TestDatabase, tmp_path: Path) -> tuple[str, ...]:
    addresses = (database.module_dsn("vault"), database.module_dsn("keys"))
    return (*addresses, str(tmp_path), "2026-11-20T12:00:00+00:00")


@pytest.fixture(params=PLACES)
async def doors(request: pytest.FixtureRequest, arguments: tuple[str, ...]) -> AsyncIterator[Doors]:
    async with AsyncExitStack() as stack:
        vault = await stack.enter_async_context(at(request.param, Vault, vault_service, *arguments))
        cards = await stack.enter_async_context(
            at(request.param, CardDoor, vault_service, *arguments)
        )
        yield Doors(vault, cards)


async def tokenised(doors: Doors) -> CardFace:
    return await doors.cards.tokenise(Tokenise(ASKER, "127.0.0.1", Secret(BODY)))


async def test_a_card_goes_in_and_a_request_goes_out(doors: Doors):
    face = await tokenised(doors)
    assert await doors.vault.card(ANN, Mode.TEST, face.token) == face
    answer = await doors.vault.send(
        ProviderRequest(
            "card",
            Mode.TEST,
            "charge",
            "POST",
            "/charges",
            (("idempotency-key", "att_1"), ("accept", "a, b")),
            b'{"n":"{card.number}","y":"{card.exp_year}","c":"{card.cvc}"}',
            Encoding.JSON,
            "att_1",
            ANN,
            face.token,
            3,
        )
    )
    assert answer.headers[:2] == (("idempotency-key", "att_1"), ("accept", "a, b"))
    assert answer.body == b'{"n":"****************","y":"2031"}', "another process has no code"
    assert answer.header("x-length") == "35"
    await doors.vault.forget(ANN, Mode.TEST, face.token)
    with pytest.raises(UnknownCard):
        await doors.vault.card("mer_" + "b" * 32, Mode.TEST, face.token)


async def test_a_mistake_comes_back_as_itself(doors: Doors):
    wrong = Secret(BODY.replace(b"4242 4242", b"4242 4241", 1))
    with pytest.raises(CardNumberInvalid) as refused:
        await doors.cards.tokenise(Tokenise(ASKER, "", wrong))
    assert refused.value.field == "number"
    assert "4242" not in str(refused.value)


@pytest.mark.parametrize(
    ("place", "caller", "may"),
    [
        (APART, "payments", {"card", "send", "forget"}),
        (TOGETHER, "payments", {"card", "send", "forget"}),
        (TOGETHER, "gateway", {"card", "send", "forget", "tokenise"}),
        (TOGETHER, "orders", {"card"}),
        (TOGETHER, "operator", {"card"}),
        (APART, "ledger", set[str]()),
        (TOGETHER, "webhooks", set[str]()),
        (TOGETHER, "identity", set[str]()),
    ],
)
async def test_who_may_do_what(place: str, caller: str, may: set[str], arguments: tuple[str, ...]):
    request = ProviderRequest("card", Mode.TEST, "ask", "GET", "/charges")
    async with at(place, Vault, vault_service, *arguments, caller=caller) as vault:
        calls = {
            "card": lambda: vault.card(ANN, Mode.TEST, "card_1"),
            "forget": lambda: vault.forget(ANN, Mode.TEST, "card_1"),
            "send": lambda: vault.send(request),
        }
        for name, call in calls.items():
            assert await refused(call) is (name not in may), name
    async with at(TOGETHER, CardDoor, vault_service, *arguments, caller=caller) as door:
        call = lambda: door.tokenise(Tokenise(ASKER, "", Secret(BODY)))  # noqa: E731
        assert await refused(call) is ("tokenise" not in may)


async def refused(call: object) -> bool:
    try:
        await call()  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
    except Forbidden:
        return True
    except UnknownCard:
        return False
    return False

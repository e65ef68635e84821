"""Cards become tokens: who may ask, what is refused, and what is kept of them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from tests.vault.counter import AMEX, CHECKOUT, TOKENIZE, VISA, Counter, card, problem
from tests.vault.test_cards import check_digit

from bezant.actor import Actor, Caller, Mode
from bezant.errors import BezantError
from bezant.identity import KeyKind
from bezant.ids import spell
from bezant.secret import Secret
from bezant.vault.port import Tokenise, UnknownCard
from bezant.vault.service import PAYERS_OF_KEY, WRONG_NUMBER_COST

pytestmark = pytest.mark.requirement("S004-5", part="card tokenization")
LIVE = check_digit("499273987165555")


async def test_a_card_becomes_a_token(counter: Counter):
    answer = await counter.ask(card())
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told | {"token": "", "fingerprint": ""} == {
        "token": "",
        "brand": "visa",
        "last4": "4242",
        "exp_month": 12,
        "exp_year": 2030,
        "fingerprint": "",
    }
    face = await counter.vault.card(counter.ann.merchant, Mode.TEST, told["token"])
    assert (face.token, face.last4, face.brand) == (told["token"], "4242", "visa")
    assert VISA not in answer.text


@pytest.mark.requirement("S000-4", part="tokenize")
@pytest.mark.parametrize("path", [TOKENIZE, "/api/payment/tokenize"])
async def test_a_gateway_passes_cards_on(counter: Counter, path: str):
    answer = await counter.ask(card(AMEX, cvc="1234"), path=path, client=counter.gateway)
    assert answer.status_code == 201
    assert answer.json()["brand"] == "amex"
    refused = await counter.ask(card(), path=path, client=counter.gateway, key=None)
    assert problem(refused)[:2] == (401, "credential_missing")


@pytest.mark.requirement("S000-4", part="tokenize")
@pytest.mark.parametrize("kind", [KeyKind.PUBLISHABLE, KeyKind.SECRET])
async def test_payers_pages_and_servers_may_ask(counter: Counter, kind: KeyKind):
    assert (await counter.ask(card(), key=counter.ann.key(kind))).status_code == 201


async def test_who_lacks_the_scope_may_not(counter: Counter):
    asker = counter.ann.actors[KeyKind.PUBLISHABLE, Mode.TEST]
    stripped = type(asker)(
        asker.caller, asker.subject, asker.tenant, asker.mode, frozenset({"checkout.read"})
    )
    with pytest.raises(BezantError) as refused:
        await counter.vault.tokenise(Tokenise(stripped, "", Secret(b"{}")))
    assert refused.value.status == 403
    assert problem(await counter.ask(card(), key="pk_test_x"))[0] == 401


MISTAKES = {
    "no JSON": (b'{"number": "4242', "malformed_json", None),
    "no object": (b"[]", "field_invalid", None),
    "no number": ({"exp_month": 1, "exp_year": 2030}, "field_missing", "number"),
    "a number": (card() | {"number": int(VISA)}, "field_invalid", "number"),
    "unknown field": (card(name="x"), "field_unknown", None),
    "twice": (b'{"number": "1", "number": "2"}', "repeated_key", None),
    "wrong digit": (card("4242424242424241"), "card_number_invalid", "number"),
    "expired": (card(exp_year=2025), "card_expired", "exp_year"),
    "month 13": (card(exp_month=13), "card_date_invalid", "exp_month"),
    "half a month": (card() | {"exp_month": 1.5}, "field_invalid", "exp_month"),
    "long code": (card(cvc="1234"), "cvc_invalid", "cvc"),
    "no session": (card(checkout_session="ses_1"), "malformed_id", "checkout_session"),
    "a real card": (card(LIVE), "card_of_other_mode", "number"),
}


@pytest.mark.parametrize("place", MISTAKES)
async def test_a_mistake_is_named_and_nothing_is_kept(counter: Counter, place: str):
    body, code, field = MISTAKES[place]
    answer = await counter.ask(body)
    status, told, told_field = problem(answer)
    assert (told, told_field) == (code, field), answer.text
    assert status in (400, 422)
    assert rows(counter) == 0
    assert counter.vault.codes_kept == 0


async def test_too_much_is_not_read(counter: Counter):
    assert problem(await counter.ask(b" " * 5_000))[:2] == (413, "body_too_large")
    wrong = await counter.ask(b"number=1", content_type="application/x-www-form-urlencoded")
    assert problem(wrong)[0] == 415


async def test_modes_stay_apart(counter: Counter):
    live = counter.ann.key(KeyKind.SECRET, Mode.LIVE)
    assert problem(await counter.ask(card(), key=live))[1] == "card_of_other_mode"
    answer = await counter.ask(card(LIVE), key=live)
    assert answer.status_code == 201
    token = answer.json()["token"]
    assert (await counter.vault.card(counter.ann.merchant, Mode.LIVE, token)).last4 == LIVE[-4:]
    with pytest.raises(UnknownCard):
        await counter.vault.card(counter.ann.merchant, Mode.TEST, token)


async def test_merchants_stay_apart(counter: Counter):
    token = await counter.token()
    with pytest.raises(UnknownCard):
        await counter.vault.card(counter.bob.merchant, Mode.TEST, token)
    for strange in ("card_1", "tok_" + "0" * 32, "", spell("card", UUID(int=7))):
        with pytest.raises(UnknownCard):
            await counter.vault.card(counter.ann.merchant, Mode.TEST, strange)


async def test_a_fingerprint_is_the_same_for_a_card_and_tells_nothing_between_merchants(
    counter: Counter,
):
    async def fingerprint(number: str, key: str) -> str:
        return (await counter.ask(card(number), key=key)).json()["fingerprint"]

    ann, bob = (shop.key(KeyKind.SECRET) for shop in (counter.ann, counter.bob))
    first = await fingerprint(VISA, ann)
    counter.clock.move(timedelta(days=80))
    assert await fingerprint("4242 4242 4242 4242", ann) == first
    assert await fingerprint("4000056655665556", ann) != first
    assert await fingerprint(VISA, bob) != first


async def test_every_month_has_a_key_of_its_own_and_old_cards_still_open(counter: Counter):
    tokens: list[str] = []
    for _ in range(3):
        tokens.append(await counter.token())
        counter.clock.move(timedelta(days=31))
    with psycopg.connect(counter.database.administrator_dsn) as connection:
        found = connection.execute(
            "SELECT count(DISTINCT key_id), count(DISTINCT sealed) FROM vault.card"
        ).fetchone()
    assert found == (3, 3)
    for token in tokens:
        await counter.vault.send(counter.request(token))
    assert [VISA.encode() in sent.body for sent in counter.provider.sent] == [True] * 3


async def test_keys_made_at_the_same_moment_are_one_key(counter: Counter):
    other = await counter.open_vault()  # pyright: ignore[reportGeneralTypeIssues]
    asker = counter.bob.actors[KeyKind.SECRET, Mode.TEST]
    body = Secret(b'{"number": "4242424242424242", "exp_month": 1, "exp_year": 30}')
    faces = await asyncio.gather(
        *(vault.tokenise(Tokenise(asker, "", body)) for vault in (counter.vault, other) * 8)
    )
    assert len({face.fingerprint for face in faces}) == 1
    assert len({face.token for face in faces}) == 16
    with psycopg.connect(counter.database.administrator_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM vault.data_key").fetchone() == (2,)


async def test_whoever_tries_many_cards_is_slowed_down(counter: Counter):
    wrong = card("4242424242424241")
    answers = [await counter.ask(wrong) for _ in range(7)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:5] == [400] * 5
    assert statuses[-1] == 429
    assert problem(answers[-1])[1] == "too_many_cards"
    assert int(answers[-1].headers["retry-after"]) > 0
    secret = counter.ann.key(KeyKind.SECRET)
    assert (await counter.ask(card(), key=secret)).status_code == 201, "servers go on"
    counter.machine.seconds += 60
    assert (await counter.ask(card())).status_code == 201, "and so do payers, a minute later"


async def test_payers_pages_may_call_from_the_origins_that_were_named(counter: Counter):
    asked = {"access-control-request-method": "POST"}
    for origin, allowed in ((CHECKOUT, CHECKOUT), ("https://elsewhere.example", None)):
        preflight = await counter.own.options(TOKENIZE, headers={"origin": origin, **asked})
        assert preflight.headers.get("access-control-allow-origin") == allowed
        answer = await counter.ask(card(), origin=origin)
        assert answer.headers.get("access-control-allow-origin") == allowed


def rows(counter: Counter) -> int:
    with psycopg.connect(counter.database.administrator_dsn) as connection:
        found = connection.execute("SELECT count(*) FROM vault.card").fetchone()
    assert found is not None
    return found[0]


async def test_a_customer_who_signed_in_is_a_payer_like_any_other(counter: Counter):
    server = counter.ann.actors[KeyKind.SECRET, Mode.TEST]
    customer = replace(server, caller=Caller.MEMBER, subject="mem_1", role="customer")
    wrong = Secret(b'{"number": "4242424242424241", "exp_month": 1, "exp_year": 30}')

    async def tries(by: Actor) -> list[str]:
        refused: list[str] = []
        for _ in range(7):
            with pytest.raises(BezantError) as caught:
                await counter.vault.tokenise(Tokenise(by, "192.0.2.7", wrong))
            refused.append(caught.value.code)
        return refused

    assert (await tries(customer))[-1] == "too_many_cards"
    assert "too_many_cards" not in await tries(server)


async def test_checkouts_of_their_own_do_not_give_payers_more_tries_than_a_pages_key(
    counter: Counter,
):
    server = counter.ann.actors[KeyKind.SECRET, Mode.TEST]
    payer = replace(server, caller=Caller.CLIENT, role="")
    wrong = Secret(b'{"number": "4242424242424241", "exp_month": 1, "exp_year": 30}')

    async def told(by: Actor, number: int) -> str:
        # Each from an address and with a checkout of its own.
        asker = replace(by, subject=f"cs_{number}")
        with pytest.raises(BezantError) as caught:
            await counter.vault.tokenise(Tokenise(asker, f"10.0.{number % 250}.7", wrong))
        return caught.value.code

    most = PAYERS_OF_KEY.requests // (1 + WRONG_NUMBER_COST)
    codes = [await told(payer, number) for number in range(most + 1)]
    assert codes[:most] == ["card_number_invalid"] * most
    assert codes[-1] == "too_many_cards"
    # Those of another merchant have their own, and so have this one's in live mode.
    assert await told(replace(payer, tenant=counter.bob.merchant), 1) == "card_number_invalid"
    assert await told(replace(payer, mode=Mode.LIVE), 2) == "card_number_invalid"

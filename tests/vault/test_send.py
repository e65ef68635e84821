"""Requests leave filled, answers come back clean, codes are used once, and numbers can be
destroyed.
"""

import asyncio
import json

import psycopg
import pytest
from tests.vault.counter import VISA, Counter, card

from bezant.actor import Mode
from bezant.errors import BezantError
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.identity import KeyKind
from bezant.keys.port import CannotOpen, DestroyKey, RotateKey
from bezant.psp.port import ProviderNotConfigured
from bezant.vault.codes import CODES_MAX, KEPT_SECONDS, Codes
from bezant.vault.port import CardForgotten, MisplacedPlaceholder, UnknownCard
from bezant.vault.sealing import SEALING_KEY

pytestmark = pytest.mark.requirement("S004-5", part="card tokenization")


def last(counter: Counter) -> dict[str, str]:
    return json.loads(counter.provider.sent[-1].body)


async def test_a_request_leaves_with_the_cards_data(counter: Counter):
    token = await counter.token()
    answer = await counter.vault.send(counter.request(token))
    assert answer.status == 200
    assert last(counter) == {"amount": "100", "number": VISA, "until": "2030-12", "cvc": "123"}
    assert counter.provider.sent[-1].card == ""


async def test_a_request_without_a_card_passes(counter: Counter):
    asked = counter.request("", b'{"capture": "all"}')
    await counter.vault.send(asked)
    assert counter.provider.sent == [asked]


async def test_a_code_is_used_once(counter: Counter):
    token = await counter.token()
    for _ in range(3):
        await counter.vault.send(counter.request(token))
    told = [json.loads(sent.body) for sent in counter.provider.sent]
    assert ["cvc" in one for one in told] == [True, False, False]
    assert [one["number"] for one in told] == [VISA] * 3
    assert counter.vault.codes_kept == 0


async def test_of_many_sendings_at_once_one_has_the_code(counter: Counter):
    token = await counter.token()
    await asyncio.gather(*(counter.vault.send(counter.request(token)) for _ in range(20)))
    assert sum(b"cvc" in sent.body for sent in counter.provider.sent) == 1


async def test_a_request_that_does_not_want_the_code_leaves_it(counter: Counter):
    token = await counter.token()
    await counter.vault.send(counter.request(token, b'{"number":"{card.number}"}'))
    await counter.vault.send(counter.request(token))
    assert last(counter)["cvc"] == "123"


@pytest.mark.parametrize(
    ("sending", "again"),
    [(Sending.ANSWERED, False), (Sending.SILENT, False), (Sending.NOT_SENT, True)],
)
async def test_a_code_for_which_nothing_was_sent_may_be_used_elsewhere(
    counter: Counter, sending: Sending, again: bool
):
    token = await counter.token()
    counter.provider.answer = lambda _: ProviderAnswer(sending)
    for _ in range(2):
        await counter.vault.send(counter.request(token))
    assert ("cvc" in last(counter)) is again


async def test_a_provider_without_an_account_costs_no_code(counter: Counter):
    def unknown(_: ProviderRequest) -> ProviderAnswer:
        raise ProviderNotConfigured

    token = await counter.token()
    answer, counter.provider.answer = counter.provider.answer, unknown
    with pytest.raises(ProviderNotConfigured):
        await counter.vault.send(counter.request(token))
    counter.provider.answer = answer
    await counter.vault.send(counter.request(token))
    assert last(counter)["cvc"] == "123"


async def test_a_failure_of_ours_uses_the_code_up(counter: Counter):
    def broken(_: ProviderRequest) -> ProviderAnswer:
        raise RuntimeError

    token = await counter.token()
    counter.provider.answer = broken
    with pytest.raises(RuntimeError):
        await counter.vault.send(counter.request(token))
    assert counter.vault.codes_kept == 0


async def test_a_code_is_gone_after_a_quarter_of_an_hour_of_the_machines_time(counter: Counter):
    first, second = await counter.token(), await counter.token()
    counter.machine.seconds += KEPT_SECONDS - 1
    await counter.vault.send(counter.request(first))
    assert last(counter)["cvc"] == "123"
    counter.machine.seconds += 1
    await counter.vault.send(counter.request(second))
    assert "cvc" not in last(counter)


async def test_a_code_is_gone_when_the_vault_starts_anew(counter: Counter):
    token = await counter.token()
    other = await counter.open_vault()  # pyright: ignore[reportGeneralTypeIssues]
    await other.send(counter.request(token))
    assert "cvc" not in last(counter)
    assert last(counter)["number"] == VISA


def test_what_held_a_code_is_overwritten():
    now = [0.0]
    codes = Codes(lambda: now[0], codes_max=2)
    held = {name: bytearray(b"123") for name in "abcde"}
    for name in "abc":
        codes.keep(name, held[name])
    assert held["a"] == bytes(3), "the oldest makes room"
    codes.keep("b", held["d"])
    assert held["b"] == bytes(3), "a newer one takes its place"
    codes.forget("c")
    now[0] = KEPT_SECONDS
    codes.sweep()
    codes.keep("e", held["e"])
    taken = codes.take("e")
    assert taken is not None
    assert taken.code == b"123"
    now[0] *= 2
    codes.give_back("e", taken)
    assert set(map(bytes, held.values())) == {bytes(3)}
    assert len(codes) == 0
    assert CODES_MAX > 0


@pytest.mark.parametrize("change", ["tenant", "mode", "card"])
async def test_a_card_of_somebody_else_is_unknown(counter: Counter, change: str):
    token = await counter.token()
    wrong = {"tenant": counter.bob.merchant, "mode": Mode.LIVE, "card": "card_" + "0" * 32}
    with pytest.raises(UnknownCard):
        await counter.vault.send(counter.request(token, **{change: wrong[change]}))
    assert counter.provider.sent == []


async def test_card_data_in_a_wrong_place_is_not_sent(counter: Counter):
    token = await counter.token()
    with pytest.raises(MisplacedPlaceholder):
        await counter.vault.send(counter.request(token, path="/x/{card.number}"))
    await counter.vault.send(counter.request(token))
    assert len(counter.provider.sent) == 1
    assert last(counter)["cvc"] == "123", "what was not sent costs no code"


async def test_an_echo_does_not_come_back(counter: Counter):
    counter.provider.answer = lambda request: ProviderAnswer(
        Sending.ANSWERED, 400, (("x-received", request.body.decode()),), request.body
    )
    token = await counter.token()
    answer = await counter.vault.send(counter.request(token))
    assert VISA.encode() in counter.provider.sent[-1].body, "the control: it was there"
    assert VISA not in repr(answer)
    assert b'"cvc":"***"' in answer.body


async def test_a_destroyed_number_is_gone_and_its_face_stays(counter: Counter):
    token, other = await counter.token(), await counter.token()
    with pytest.raises(UnknownCard):
        await counter.vault.forget(counter.bob.merchant, Mode.TEST, token)
    for _ in range(2):
        await counter.vault.forget(counter.ann.merchant, Mode.TEST, token)
    with pytest.raises(CardForgotten):
        await counter.vault.send(counter.request(token))
    assert (await counter.vault.card(counter.ann.merchant, Mode.TEST, token)).last4 == "4242"
    await counter.vault.send(counter.request(other))
    with psycopg.connect(counter.database.administrator_dsn) as connection:
        assert connection.execute(
            "SELECT count(*) FROM vault.card WHERE sealed IS NULL"
        ).fetchone() == (1,)


async def test_a_number_moved_to_another_row_does_not_open(counter: Counter):
    mine, theirs = await counter.token(), await counter.token("5555555555554444")
    with psycopg.connect(counter.database.administrator_dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE vault.card DISABLE TRIGGER ALL")
        connection.execute(
            "UPDATE vault.card SET sealed = (SELECT sealed FROM vault.card WHERE id = %s)"
            " WHERE id = %s",
            (theirs[5:], mine[5:]),
        )
    with pytest.raises(CannotOpen):
        await counter.vault.send(counter.request(mine))
    await counter.vault.send(counter.request(theirs))
    assert last(counter)["number"] == "5555555555554444"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault.card SET sealed = 'x'",
        "UPDATE vault.card SET last4 = '1111'",
        "DELETE FROM vault.card",
        "UPDATE vault.data_key SET tenant = tenant",
        "DELETE FROM vault.data_key",
        "SELECT count(*) FROM identity.member",
    ],
)
async def test_the_vaults_own_role_cannot(counter: Counter, statement: str):
    await counter.token()
    with psycopg.connect(counter.database.module_dsn("vault")) as connection:
        assert connection.execute("SELECT count(*) FROM vault.card").fetchone() == (1,)
        with pytest.raises(psycopg.Error):
            connection.execute(statement.encode())


@pytest.mark.parametrize("module", ["identity", "keys"])
async def test_no_other_modules_role_sees_a_card(counter: Counter, module: str):
    connection = psycopg.connect(counter.database.module_dsn(module))
    with connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM vault.card")


@pytest.mark.catalogue("T81")
async def test_data_keys_move_under_a_new_key_and_the_old_one_may_go(counter: Counter):
    token = await counter.token()
    old = await counter.keys.rotate(RotateKey(SEALING_KEY, by="test"))
    assert await counter.vault.rewrap() == 2
    assert await counter.vault.rewrap() == 0
    before = [one.kid for one in await counter.keys.inventory() if one.name == SEALING_KEY]
    (first,) = [kid for kid in before if kid != old.kid]
    await counter.keys.destroy(DestroyKey(first, by="test", reason="the old one"))
    other = await counter.open_vault()  # pyright: ignore[reportGeneralTypeIssues]
    await other.send(counter.request(token))
    assert last(counter)["number"] == VISA


@pytest.mark.catalogue("T81")
async def test_without_the_key_nothing_opens(counter: Counter):
    token = await counter.token()
    new = await counter.keys.rotate(RotateKey(SEALING_KEY, by="test"))
    (first,) = [
        one.kid
        for one in await counter.keys.inventory()
        if one.name == SEALING_KEY and one.kid != new.kid
    ]
    await counter.keys.destroy(DestroyKey(first, by="test", reason="shredded"))
    other = await counter.open_vault()  # pyright: ignore[reportGeneralTypeIssues]
    with pytest.raises(CannotOpen):
        await other.send(counter.request(token))


async def test_many_cards_are_asked_for_in_few_questions(counter: Counter):
    secret = counter.ann.key(KeyKind.SECRET)
    tokens = [(await counter.ask(card(), key=secret)).json()["token"] for _ in range(5)]
    await asyncio.gather(*(counter.vault.send(counter.request(one)) for one in tokens * 20))
    assert len(counter.provider.sent) == 100
    with pytest.raises(BezantError):
        await counter.vault.send(counter.request("card_" + "1" * 32))

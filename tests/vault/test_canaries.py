"""Fifty marked cards through every way into the vault and out of it: they turn up nowhere (T80)."""

import base64
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.vault.canaries import Canary, canaries, codes_in, everything_in, found_in
from tests.vault.counter import BODY, Counter

from bezant import telemetry
from bezant.actor import Mode
from bezant.errors import BezantError
from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest, Sending
from bezant.identity import KeyKind
from bezant.psp.port import ProviderNotConfigured
from bezant.telemetry import traces

pytestmark = [
    pytest.mark.catalogue("T80"),
    pytest.mark.requirement("S003-7", "S004-5", part="no card number anywhere"),
]
INCOMING = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    traces.start_traces("http://unused", "bezant-test", exporter=kept)
    yield kept
    traces.stop_traces()


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[StringIO]:
    told = StringIO()
    telemetry.configure(telemetry.Level.DEBUG, stream=told, file=tmp_path / "log" / "vault.log")
    yield told
    telemetry.shut()


def bodies(one: Canary) -> Iterator[bytes]:
    """Yield what a page might send for a card, most of it wrong in some way."""
    whole = {"number": one.number, "exp_month": 9, "exp_year": 2031, "cvc": one.code}
    yield json.dumps(whole).encode()
    yield json.dumps({**whole, "number": f"{one.number[:4]} {one.number[4:]}"}).encode()
    wrong = one.number[:-1] + str((int(one.number[-1]) + 1) % 10)
    yield json.dumps({**whole, "number": wrong, "note": one.number}).encode()
    yield json.dumps({**whole, "number": int(one.number)}).encode()
    yield json.dumps({**whole, "exp_month": one.number}).encode()
    yield json.dumps({**whole, "exp_year": 2020}).encode()
    yield json.dumps({**whole, "cvc": one.number}).encode()
    yield json.dumps({**whole, one.number: one.code}).encode()
    yield json.dumps({**whole, "checkout_session": one.number}).encode()
    yield json.dumps([one.number, one.code]).encode()
    yield json.dumps(whole).encode()[:-1]
    yield f'{{"number":"{one.number}","number":"{one.number}"}}'.encode()
    yield f"number={one.number}&cvc={one.code}".encode()
    yield json.dumps(whole).encode() + b" " * 5_000


async def tokenise(counter: Counter, one: Canary) -> tuple[list[str], list[bytes]]:
    """Send a card in every shape; return its tokens, and all that was answered."""
    live = counter.ann.key(KeyKind.SECRET, Mode.LIVE)
    test = counter.ann.key(KeyKind.PUBLISHABLE)
    tokens: list[str] = []
    answers: list[bytes] = []
    for body in bodies(one):
        for key, client in ((live, counter.own), (live, counter.gateway), (test, counter.own)):
            counter.machine.seconds += 60
            answer = await counter.ask(body, key=key, client=client, traceparent=INCOMING)
            answers += [answer.content, repr(answer.headers.raw).encode()]
            if answer.status_code == 201:
                tokens.append(answer.json()["token"])
    for path, headers in (
        (f"/v1/payments/tokenize?card={one.number}", {}),
        (f"/v1/payments/{one.number}", {}),
        ("/v1/payments/tokenize", {"x-api-key": one.number}),
        ("/v1/payments/tokenize", {"content-type": f"text/{one.number}"}),
    ):
        answer = await counter.own.post(path, headers=headers, content=next(bodies(one)))
        answers += [answer.content, repr(answer.headers.raw).encode()]
    assert len(tokens) == 4, "the control: twice in order, through two doors"
    return tokens, answers


def refuses(_: ProviderRequest) -> ProviderAnswer:
    raise ProviderNotConfigured


def breaks(request: ProviderRequest) -> ProviderAnswer:
    raise RuntimeError(f"broke at {request.path}")


def echoes(request: ProviderRequest) -> ProviderAnswer:
    told = (
        request.body
        + request.body.replace(b"34", b"34 ")
        + base64.b64encode(request.body)
        + request.body.hex().encode()
    )
    return ProviderAnswer(Sending.ANSWERED, 400, (("x-saw", told.decode()),), told)


async def send(counter: Counter, token: str, other: str) -> list[bytes]:
    """Charge a card at providers of every temper; return all that came back."""
    came: list[bytes] = []
    tempers = (
        echoes,
        lambda _: ProviderAnswer(Sending.SILENT),
        lambda _: ProviderAnswer(Sending.NOT_SENT),
        refuses,
        breaks,
    )
    for temper in tempers:
        counter.provider.answer = temper
        for body, encoding in (
            (BODY, Encoding.JSON),
            (b"card[number]={card.number}&card[cvc]={card.cvc}", Encoding.FORM),
            (b"<n>{card.number}</n><c>{card.cvc}</c>", Encoding.XML),
            (b"{card.number} {card.cvc}", Encoding.NONE),
        ):
            asked = counter.request(
                other if temper is echoes else token, body, encoding=encoding, mode=Mode.LIVE
            )
            try:
                came.append(repr(await counter.vault.send(asked)).encode())
            except (BezantError, RuntimeError) as failure:
                came.append(repr(failure).encode())
                telemetry.log("test").error("send.failed", failure)
    return came


async def test_marked_cards_turn_up_nowhere(
    counter: Counter, logged: StringIO, spans: InMemorySpanExporter, tmp_path: Path
):
    marked = canaries()
    told: list[bytes] = []
    for one in marked:
        tokens, answers = await tokenise(counter, one)
        told += answers
        told += await send(counter, *tokens[:2])
        face = await counter.vault.card(counter.ann.merchant, Mode.LIVE, tokens[2])
        told.append(repr(face).encode())
        await counter.vault.forget(counter.ann.merchant, Mode.LIVE, tokens[3])
    sent = b"".join(request.body for request in counter.provider.sent)
    assert len(found_in(sent, marked)) == len(marked), "the control: they were really sent"

    writer = telemetry.logs.current_writer()
    assert writer is not None
    writer.flush()
    traces.flush_traces()
    places = {
        "answers": b"\n".join(told),
        "log": logged.getvalue().encode(),
        "log files": b"".join(path.read_bytes() for path in (tmp_path / "log").iterdir()),
        "spans": "".join(one.to_json() for one in spans.get_finished_spans()).encode(),
        **tables(counter),
    }
    assert len(places["log"]) > 100_000
    assert len(spans.get_finished_spans()) > 1_000
    assert len(places["vault.card"]) > 10_000
    assert {place: hits for place, text in places.items() if (hits := found_in(text, marked))} == {}
    assert {place: hits for place, text in places.items() if (hits := codes_in(text, marked))} == {}


def tables(counter: Counter) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for table, row in everything_in(counter.database.administrator_dsn):
        found[table] = found.get(table, b"") + row + b"\n"
    return found


PLANTED = {
    "plain": lambda card: card.number,
    "spaced": lambda card: (
        f"{card.number[:4]} {card.number[4:8]} {card.number[8:12]} " + card.number[12:]
    ),
    "hex": lambda card: card.number.encode().hex(),
    "base64": lambda card: base64.b64encode(b"note: " + card.number.encode() + b"!!").decode(),
    "in json": lambda card: json.dumps({"a": [card.number]}),
}


@pytest.mark.parametrize("form", PLANTED)
async def test_a_planted_leak_is_found(counter: Counter, logged: StringIO, form: str):
    """The negative control: the same search finds one number in one row, and in one log line."""
    marked = canaries()
    text = PLANTED[form](marked[17])
    with psycopg.connect(counter.database.administrator_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO keys.key_transition (kid, state_after, made_by, reason, occurred_at)"
            " SELECT kid, 'pending', 'x', %s, created_at FROM keys.key_version LIMIT 1",
            (text,),
        )
    found = {table: found_in(row, marked) for table, row in tables(counter).items()}
    hits = {table: cards for table, cards in found.items() if cards}
    assert hits == {"keys.key_transition": [marked[17].number[-4:]]}
    logged.write(f'{{"event": "{text}"}}')
    assert found_in(logged.getvalue().encode(), marked) == [marked[17].number[-4:]]
    assert codes_in(f'"cvc": "{marked[3].code}"'.encode(), marked) == [marked[3].code]

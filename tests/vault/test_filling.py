"""Card data goes into a request exactly where it belongs, and comes back in no form at all."""

import base64
import json
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from tests.vault.test_cards import check_digit

from bezant.actor import Mode
from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest, Sending
from bezant.secret import Secret
from bezant.vault import filling
from bezant.vault.filling import CardData
from bezant.vault.port import MisplacedPlaceholder

NUMBER = check_digit("541275123456789")
CARD = CardData(Secret(NUMBER), 7, 2031)
CODE = bytearray(b"902")


def request(body: bytes, encoding: Encoding = Encoding.JSON, **more: object) -> ProviderRequest:
    said = {"path": "/v1", "body": body, "encoding": encoding, "card": "card_1", **more}
    return ProviderRequest("p", Mode.TEST, "charge", "POST", **said)  # pyright: ignore[reportArgumentType]


JSON_BODIES = {
    "last": {"number": "{card.number}", "cvc": "{card.cvc}"},
    "first": {"cvc": "{card.cvc}", "number": "{card.number}"},
    "between": {"a": 1, "security_code": "{card.cvc}", "number": "{card.number}"},
    "alone": {"card": {"cvc": "{card.cvc}"}, "number": "{card.number}"},
    "odd name": {"a": 'x"y', 'c"v\\c': "{card.cvc}", "number": "{card.number}"},
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("place", JSON_BODIES)
def test_json_with_and_without_a_code(place: str, indent: int | None):
    asked = request(json.dumps(JSON_BODIES[place], indent=indent).encode())
    whole = json.loads(filling.filled(asked, CARD, CODE).body)
    without = json.loads(filling.filled(asked, CARD, None).body)
    assert str(whole).count("902") == 1
    assert whole["number"] == without["number"] == NUMBER
    assert "902" not in str(without)
    assert "card.cvc" not in str(without)
    gone = [name for name in whole if name not in without]
    assert len(gone) == (0 if place == "alone" else 1)


@pytest.mark.parametrize(
    "encode", [urlencode, lambda pairs: "&".join(f"{k}={v}" for k, v in pairs)]
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_form_with_and_without_a_code(encode: object, at: int):
    pairs = [("card[number]", "{card.number}"), ("amount", "1.00 €"), ("x", "{card.exp_month}")]
    pairs.insert(at, ("card[cvc]", "{card.cvc}"))
    asked = request(encode(pairs).encode(), Encoding.FORM)  # pyright: ignore[reportCallIssue]
    whole = dict(parse_qsl(filling.filled(asked, CARD, CODE).body.decode()))
    without = dict(parse_qsl(filling.filled(asked, CARD, None).body.decode()))
    assert whole == {"card[number]": NUMBER, "amount": "1.00 €", "x": "07", "card[cvc]": "902"}
    assert without == {"card[number]": NUMBER, "amount": "1.00 €", "x": "07"}


def test_xml_with_and_without_a_code():
    asked = request(
        b"<card><number>{card.number}</number><cvc kind='x'>{card.cvc}</cvc></card>", Encoding.XML
    )
    assert filling.filled(asked, CARD, None).body == (
        f"<card><number>{NUMBER}</number></card>".encode()
    )
    assert b"<cvc kind='x'>902</cvc>" in filling.filled(asked, CARD, CODE).body


def test_dates_are_filled_with_two_and_four_digits():
    asked = request(b'{"expiry":"{card.exp_year}-{card.exp_month}"}')
    assert filling.filled(asked, CARD, None).body == b'{"expiry":"2031-07"}'


def test_a_filled_request_names_no_card_any_more_and_is_otherwise_the_same():
    asked = request(b'"{card.number}"', headers=(("a", "b"),), key="att_1", deadline_seconds=3)
    sent = filling.filled(asked, CARD, None)
    assert (sent.card, sent.headers, sent.key, sent.deadline_seconds) == (
        "",
        asked.headers,
        "att_1",
        3,
    )


@pytest.mark.parametrize("body", [b'{"a":"b {card.cvc}"}', b"{card.cvc}", b'["{card.cvc}"]'])
def test_a_code_that_cannot_be_left_out_is_not_sent_half(body: bytes):
    with pytest.raises(MisplacedPlaceholder):
        filling.filled(request(body), CARD, None)
    assert b"902" in filling.filled(request(body), CARD, CODE).body


@pytest.mark.parametrize(
    "asked",
    [
        request(b"", path="/cards/{card.number}"),
        request(b"", path="/cards?n=%7Bcard.number%7D"),
        request(b"", headers=(("x-card", "{card.number}"),)),
        request(b"", headers=(("{card.cvc}", "x"),)),
        request(b'"{card.number}"', card=""),
    ],
)
def test_card_data_is_filled_into_bodies_of_named_cards_only(asked: ProviderRequest):
    with pytest.raises(MisplacedPlaceholder):
        filling.refuse_placeholders(asked)


def test_ordinary_requests_pass():
    filling.refuse_placeholders(request(b'"{card.number}"', path="/card.json?card.a=b"))
    filling.refuse_placeholders(request(b'"card.number"', card=""))


SPACED = " ".join(NUMBER[at : at + 4] for at in range(0, 16, 4))
ECHOES = {
    "plain": NUMBER.encode(),
    "spaced": SPACED.encode(),
    "dashed": SPACED.replace(" ", "-").encode(),
    "dotted": SPACED.replace(" ", ".").encode(),
    "no-break spaces": SPACED.replace(" ", "\u00a0").encode(),
    "each digit apart": "  ".join(NUMBER).encode(),
    "percent-encoded spaces": quote(SPACED).encode(),
    "percent-encoded no-break spaces": quote(SPACED.replace(" ", "\u00a0")).encode(),
    "escaped spaces": SPACED.replace(" ", "\\u0020").encode(),
    "spaces as entities": SPACED.replace(" ", "&#32;").encode(),
    "plus for spaces": SPACED.replace(" ", "+").encode(),
    "percent-encoded digits": "".join(f"%{ord(one):02x}" for one in NUMBER).encode(),
    "hex": NUMBER.encode().hex().encode(),
    "spaced hex": NUMBER.encode().hex(" ").encode(),
    "json escapes": "".join(f"\\u{ord(one):04x}" for one in NUMBER).encode(),
    "entities": "".join(f"&#{ord(one)};" for one in NUMBER).encode(),
    "hex entities": "".join(f"&#x{ord(one):x};" for one in NUMBER).encode(),
    "base64": base64.b64encode(NUMBER.encode()),
    "base64, one byte in": base64.b64encode(b"a" + NUMBER.encode() + b"zz"),
    "base64, two bytes in": base64.b64encode(b"ab" + NUMBER.encode() + b"z"),
    "twice": f"{NUMBER} and {SPACED}".encode(),
}


def decoded(text: bytes) -> str:
    """Return every reading of a text in which a number could still be found, digits only."""
    readings = [text]
    for at in range(4):
        chunk = text[at:]
        cut = chunk[: len(chunk) // 4 * 4]
        try:
            readings.append(base64.b64decode(cut, validate=False))
        except ValueError:
            continue
    return "|".join("".join(filter(str.isdigit, one.decode("latin-1"))) for one in readings)


@pytest.mark.requirement("S003-7")
@pytest.mark.catalogue("T80")
@pytest.mark.parametrize("form", ECHOES)
def test_an_echo_of_the_number_is_masked(form: str):
    body = b'{"id":"ch_7","echo":"' + ECHOES[form] + b'","last4":"' + NUMBER[-4:].encode() + b'"}'
    answer = ProviderAnswer(
        Sending.ANSWERED, 400, (("x-echo", ECHOES[form].decode()), ("x-id", "7")), body, digest="d"
    )
    clean = filling.cleaned(answer, Secret(NUMBER), None)
    hidden = [clean.body, *(value.encode() for _, value in clean.headers)]
    for text in hidden:
        assert NUMBER not in decoded(text)
        assert ECHOES[form] not in text
    assert clean.body.startswith(b'{"id":"ch_7","echo":"')
    assert clean.body.endswith(b'"last4":"' + NUMBER[-4:].encode() + b'"}')
    assert clean.header("x-id") == "7"
    assert clean.digest not in {"d", ""}


def test_what_holds_no_number_is_handed_on_as_it_is():
    body = json.dumps({"last4": NUMBER[-4:], "bin": NUMBER[:6], "fingerprint": "1234" * 8}).encode()
    answer = ProviderAnswer(Sending.ANSWERED, 200, (("a", "b"),), body, digest="d")
    assert filling.cleaned(answer, Secret(NUMBER), CODE) is answer


@pytest.mark.parametrize(
    "text",
    [
        '"cvc":"902"',
        '"cvv2": 902',
        "card_code=902&x=902",
        "<CVC>902</CVC>",
        '"security_code":"902"',
    ],
)
def test_an_echo_of_the_code_is_masked_where_it_is_named(text: str):
    answer = ProviderAnswer(Sending.ANSWERED, 200, body=f"{text}, n 1902".encode())
    clean = filling.cleaned(answer, Secret(NUMBER), CODE)
    assert clean.body.count(b"902") == text.count("902")
    assert b"1902" in clean.body

"""What of an exchange is shown: what is on a provider's list, and never a card, a name or a key."""

import json
import re
from typing import Any

import pytest
from tests.psp.shops import METHODS

from bezant.actor import Mode
from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest, Sending
from bezant.psp.shown import BYTES_MAX, MASK, Shown

PROVIDERS = tuple(METHODS)
SHOWN = Shown()
CARD = "4242424242424242"
MARKED = (
    CARD, "4242 4242 4242 4242", "4242-4242-4242-4242", "4242_4242_4242_4242",
    "4242+4242+4242+4242", "cvc-739", "Marie Marked",
    "marie@marked.example", "12 Marked Road", "sk_test_marked", "whsec_marked",
    "pi_1_secret_marked",
    "eyJhbGciOi.marked", "DE89370400440532013000 marked",
)  # fmt: skip
NO_FORM = "cvc-739"
"""Nothing tells it from a code: it is safe only because of where it stands."""
EVERYWHERE = ("number", "cvc", "name", "email", "address", "client_secret", "message", "iban")


def answered(body: bytes, status: int = 200) -> ProviderAnswer:
    return ProviderAnswer(Sending.ANSWERED, status, (), body)


def shown(provider: str, told: Any) -> str:
    return SHOWN.answer(provider, answered(json.dumps(told).encode()))


def asked(body: bytes, encoding: Encoding) -> str:
    request = ProviderRequest("stripe", Mode.TEST, "charge", "POST", "/v1/x", (), body, encoding)
    return SHOWN.request(request)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("marked", MARKED)
def test_marked_data_never_comes_out_wherever_it_stands(provider: str, marked: str) -> None:
    told: dict[str, Any] = dict.fromkeys(EVERYWHERE, marked)
    told |= {marked: "a name can be data too", "metadata": {"note": marked}}
    if marked != NO_FORM:  # Also where something that may be shown stands otherwise.
        told |= {"id": marked, "status": marked, "amount": marked, "code": marked}
        told |= {"metadata": {"attempt": marked}}
    told |= {"data": [dict(told)]}
    told |= {"error": dict(told), "payments": [dict(told)], "customer": dict(told)}
    out = shown(provider, told)
    assert marked not in out
    assert CARD not in re.sub("[^A-Za-z0-9]", "", out)
    assert "marked" not in out.lower()


def test_a_card_as_a_number_is_a_dot_and_an_amount_is_not() -> None:
    told = json.loads(shown("stripe", {"amount": int(CARD), "fee": 1999}))
    assert told == {"amount": MASK, "fee": 1999}


def test_an_amount_of_any_size_stays_exact() -> None:
    told = json.loads(shown("card", {"amount": 10**30 + 1}))
    assert told == {"amount": str(10**30 + 1)}


def test_what_is_on_the_list_is_shown_as_it_was() -> None:
    body = {
        "id": "pi_3Q1x", "object": "payment_intent", "amount": 1999, "currency": "eur",
        "client_secret": "pi_3Q1x_secret_9", "receipt_email": "a@b.example", "livemode": False,
        "last_payment_error": {
            "code": "card_declined", "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds.",
            "payment_method": {"id": "pm_1", "card": {"last4": "9995"}},
        },
        "metadata": {"attempt": "att_1", "who": "Ada"},
    }  # fmt: skip
    assert json.loads(shown("stripe", body)) == {
        "id": "pi_3Q1x", "object": "payment_intent", "amount": 1999, "currency": "eur",
        "livemode": False, MASK: 2,
        "last_payment_error": {
            "code": "card_declined", "decline_code": "insufficient_funds", MASK: 2,
        },
        "metadata": {"attempt": "att_1", MASK: 1},
    }  # fmt: skip


def test_a_form_is_shown_as_the_object_it_stands_for() -> None:
    body = (
        b"amount=1999&currency=eur&receipt_email=a%40b.example&metadata[attempt]=att_1"
        b"&payment_method_data[type]=card&payment_method_data[card][number]={card.number}"
        b"&payment_method_data[card][cvc]={card.cvc}"
    )
    assert json.loads(asked(body, Encoding.FORM)) == {
        "amount": "1999", "currency": "eur", MASK: 1,
        "metadata": {"attempt": "att_1"}, "payment_method_data": {"type": "card", MASK: 1},
    }  # fmt: skip


def test_elements_are_shown_as_the_object_they_stand_for() -> None:
    body = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
      <GrpHdr><MsgId>m1</MsgId><InitgPty><Nm>Marie Marked</Nm></InitgPty></GrpHdr>
      <TxInfAndSts><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>
      </TxInfAndSts></CstmrPmtStsRpt></Document>"""
    told = json.loads(SHOWN.answer("bank", answered(body)))
    report = told["Document"]["CstmrPmtStsRpt"]
    assert report["GrpHdr"] == {"MsgId": "m1", MASK: 1}
    assert report["TxInfAndSts"] == {"TxSts": "RJCT", "StsRsnInf": {"Rsn": {"Cd": "AC04"}}}


@pytest.mark.parametrize(
    "body", [b"<html>Marie Marked</html>", b"\xff\xfe", b"[1]", b'{"id":', b"{" * 100]
)
def test_what_is_no_document_of_a_provider_is_one_dot(body: bytes) -> None:
    assert SHOWN.answer("stripe", answered(body, 502)) == f'"{MASK}"'


@pytest.mark.parametrize(
    "marked", [one for one in MARKED if one != NO_FORM] + ["x\x00y", "x" * 101]
)
def test_a_status_that_quotes_more_than_codes_is_a_dot(marked: str) -> None:
    assert SHOWN.status(marked) == MASK


@pytest.mark.parametrize(
    "status", ["", "captured", "PAYER_ACTION_REQUIRED", "http_429", "no longer awaited", "NEW PAID"]
)
def test_a_status_of_codes_is_shown(status: str) -> None:
    assert SHOWN.status(status) == status


def test_an_unknown_provider_shows_nothing() -> None:
    assert json.loads(shown("another", {"id": "x"})) == {MASK: 1}


def test_what_is_large_or_deep_is_not_kept() -> None:
    many = {"data": [{"id": "x" * 90} for _ in range(500)]}
    assert len(json.loads(shown("stripe", many))["data"]) == 21
    one = dict.fromkeys(("id", "code", "reason", "status", "type", "charge"), "x" * 100)
    assert shown("stripe", {"data": [one] * 20}) == f'"{MASK}"'
    deep: dict[str, Any] = {"id": "bottom"}
    for _ in range(30):
        deep = {"data": deep}
    assert "bottom" not in shown("stripe", deep)
    assert len(shown("stripe", many).encode()) <= BYTES_MAX


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/payment_intents", "/v1/payment_intents"),
        ("/v1/payment_intents/pi_3Q1x/capture", f"/v1/payment_intents/{MASK}/capture"),
        ("/accounts/DE89370400440532013000/statements/2026-01-01?q=Marie",
         f"/accounts/{MASK}/statements/{MASK}"),
    ],
)  # fmt: skip
def test_an_address_shows_no_id_and_no_query(path: str, told: str) -> None:
    assert SHOWN.path(path) == told


def test_nothing_was_asked_or_answered() -> None:
    assert asked(b"", Encoding.NONE) == ""
    assert SHOWN.answer("stripe", ProviderAnswer(Sending.SILENT)) == ""

"""Bodies with places for a card: filled by the vault, and never where somebody else wrote."""

import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.psp.shops import charge_of

from bezant.exchange import PLACEHOLDERS
from bezant.psp.registry import connector_of
from bezant.psp.writing import document, form, query, segment
from bezant.secret import Secret
from bezant.vault.filling import CardData, filled, refuse_placeholders

NUMBER = "4242424242424242"
CARD = CardData(Secret(NUMBER), 7, 2031)
TRICKS = (
    *PLACEHOLDERS,
    "%7Bcard.number%7D",
    "%7bcard.number%7d",
    "%257Bcard.number%257D",
    "\\u007bcard.number}",
    "{{card.number}}",
    '","card":{"number":"{card.number}',
    "&description={card.number}",
    "{card.{card.number}}",
    "{\ncard.number}",
)


@pytest.mark.requirement("S004-5")
@pytest.mark.parametrize("provider", ["stripe", "card"])
@pytest.mark.parametrize("trick", TRICKS)
def test_a_text_that_looks_like_a_place_is_never_filled(provider: str, trick: str):
    charge = charge_of(
        provider,
        description=trick,
        descriptor=trick,
        customer_email=trick,
        customer_name=trick,
        return_url=trick,
        saved={"customer": trick},
    )
    request = connector_of(provider).charge(charge)
    refuse_placeholders(request)
    whole = filled(request, CARD, bytearray(b"737"))
    assert whole.body.count(NUMBER.encode()) == 1, "once, in its own place"
    assert whole.body.count(b"737") == 1
    told = read(provider, whole.body)
    assert told["number"] == NUMBER
    assert told["cvc"] == "737"
    assert told["description"] in {trick, None}


@pytest.mark.parametrize("provider", ["stripe", "card"])
def test_without_a_code_the_field_is_left_out(provider: str):
    request = connector_of(provider).charge(charge_of(provider))
    whole = filled(request, CARD, None)
    told = read(provider, whole.body)
    assert (told["number"], told["exp_month"], told["exp_year"]) == (NUMBER, "07", "2031")
    assert told["cvc"] is None
    assert b"cvc" not in whole.body


def read(provider: str, body: bytes) -> dict[str, str | None]:
    """Read a body as the provider does."""
    if provider == "card":
        found = json.loads(body)
        card = found["card"]
        names = ("number", "exp_month", "exp_year", "cvc")
        return {**{name: card.get(name) for name in names}, "description": None}
    fields = parse_qs(body.decode(), strict_parsing=True, keep_blank_values=True)
    assert all(len(values) == 1 for values in fields.values()), "no field stands twice"
    card = {
        name: fields.get(f"payment_method_data[card][{name}]", [None])[0]
        for name in ("number", "exp_month", "exp_year", "cvc")
    }
    return {**card, "description": fields["description"][0] if "description" in fields else None}


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=30), max_size=5))
def test_what_is_written_is_what_is_read(fields: dict[str, str]):
    assert json.loads(document(fields)) == fields
    with_card = json.loads(document({"key": "k", **fields}, card=True))
    assert with_card["card"]["number"] == "{card.number}"
    told = {name: value for name, value in fields.items() if value}
    read_back = parse_qs(form(told.items()).decode(), keep_blank_values=True)
    assert {name: values[0] for name, values in read_back.items()} == told
    assert parse_qs(query(told.items())[1:]) == {name: [value] for name, value in told.items()}


@settings(deadline=None)
@given(st.text(max_size=20))
def test_a_part_of_a_path_stays_one_part(text: str):
    assert not set(segment(text)) & set("/?#& \r\n")

"""J2 Card checkout: the payer's page tokenises and pays, the shop captures, the order is paid.

The login and the browser join where those are built; here the page speaks for itself, with the
publishable key and its session's client secret.
"""

import re

import pytest
from tests.journeys.house import House
from tests.vault.canaries import Canary, everything_in, written

CARD = Canary("371449635398431", "7391")  # A published number: test mode takes no others.


def checked_out(house: House, card: Canary) -> dict[str, str]:
    """Let a payer set 19.99 aside; return the session."""
    offer = {"amount": {"amount": "19.99", "asset": "EUR"}, "capture": False}
    opened = house.told("POST", "/v1/checkout_sessions", offer)
    page = {"x-api-key": house.sample["publishable_key"]}
    number = {"number": card.number, "exp_month": 12, "exp_year": 2040, "cvc": card.code}
    token = house.told("POST", "/v1/payments/tokenize", number, by=page)["token"]
    means = {"client_secret": opened["client_secret"], "card": token}
    path = f"/v1/checkout_sessions/{opened['id']}/confirm"
    strange = house.ask("POST", path, {**means, "client_secret": "wrong"}, by=page)
    assert strange.status_code in {401, 403}, strange.text
    return house.told("POST", path, means, by=page)


@pytest.mark.requirement("J2", part="with a token, by the payer's page")
def test_card_checkout(anywhere: House):
    house = anywhere
    session = checked_out(house, CARD)
    assert (session["state"], session["payment_state"]) == ("complete", "authorized")
    house.order_comes_to(session["order"], "authorized")
    taken = house.told("POST", f"/v1/payments/{session['payment']}/capture", {})
    assert (taken["state"], taken["captured"]["amount"]) == ("succeeded", "19.99")
    house.order_comes_to(session["order"], "paid")
    assert house.charges(taken) == 1
    assert set(house.imbalances(house.operator()).values()) == {"0.00"}


@pytest.mark.catalogue("T80")
@pytest.mark.requirement("J2", part="no card number in database or logs")
def test_nothing_but_the_vaults_ciphertext_knows_the_card(house: House):
    session = checked_out(house, CARD)
    rows = list(everything_in(house.database()))
    logs = [
        (one.name, one.read_bytes())
        for one in (house.nest.data / "logs").iterdir()
        if one.is_file()
    ]
    leaks = written(CARD.number)
    assert [place for place, text in rows + logs if any(form in text for form in leaks)] == []
    named = re.compile(rb"(?i)cvc\W{1,6}" + CARD.code.encode())
    assert [place for place, text in rows + logs if named.search(text)] == []
    # The control: the same search finds what is there.
    assert any(session["order"].removeprefix("ord_")[:8].encode() in row for _, row in rows)
    assert any(b"/v1/checkout_sessions" in text for _, text in logs)
    planted = f"card={CARD.number} cvc={CARD.code}".encode()
    assert any(form in planted for form in leaks)
    assert named.search(planted)

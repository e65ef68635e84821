"""What providers tell of their own accord reaches a running house, without anybody asking."""

import re

import pytest
from tests.cli.running import Nest, served
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json, approved_page, open_house, transferred

DISPUTED = "4000000000000259"


def delivered(house: House, provider: str, kind: str = "") -> bool:
    found = house.events(provider, kind)
    return bool(found) and all((one["state"], one["last"]) == ("delivered", "200") for one in found)


@pytest.mark.requirement("S004-1", part="webhooks")
def test_a_payer_who_approves_at_paypal_has_paid(house: House):
    asked = house.pay(pay_with={"kind": "paypal"}, return_url="https://shop.example/back")
    assert asked["state"] == "needs_action"
    approved_page(house, asked)
    paid = house.comes_to(asked, "succeeded")
    assert paid["captured"] == {"amount": "20.00", "asset": "EUR"}
    assert house.charges(asked) == 1
    wait_until(lambda: delivered(house, "paypal", "CHECKOUT.ORDER.APPROVED"), "it was told")


@pytest.mark.requirement("S004-1", part="webhooks")
def test_a_payers_transfer_arrives_by_the_banks_own_word(house: House):
    asked = house.pay(pay_with={"kind": "bank_transfer"})
    transferred(house, asked, "20.00")
    paid = house.comes_to(asked, "succeeded")
    assert paid["captured"]["amount"] == "20.00"
    wait_until(lambda: delivered(house, "bank"), "the bank's word was taken")


@pytest.mark.requirement("S004-1", part="disputes")
def test_a_dispute_is_heard_of_and_answered_with_evidence(house: House):
    payment = house.pay(number=DISPUTED)
    assert (payment["state"], payment["provider"]) == ("succeeded", "stripe")
    path = f"/v1/disputes?payment={payment['id']}"
    wait_until(lambda: bool(house.told("GET", path)["data"]), "the dispute is heard of")
    (dispute,) = house.told("GET", path)["data"]
    assert dispute["state"] == "opened"
    said = {"evidence": {"uncategorized_text": "winning_evidence"}}
    house.told("POST", f"/v1/disputes/{dispute['id']}/evidence", said)

    def state() -> str:
        return house.told("GET", f"/v1/disputes/{dispute['id']}")["state"]

    wait_until(lambda: state() == "won", "the evidence has won")
    assert house.payment(payment)["disputed"]["amount"] == "0.00"
    assert delivered(house, "stripe", "charge.dispute")


@pytest.mark.requirement("G1", part="a process of its own")
def test_emulators_in_a_process_of_their_own_tell_the_house_as_well(nest: Nest):
    first = str(free_port())
    with open_house(nest, SANDBOX_APART="true", SANDBOX_PORT=first) as house:
        lost = house.ask("POST", "/v1/payments", _by_transfer())
        assert lost.json()["state"] == "failed", "the control: nobody is there yet"
        with served(nest, "sandbox", SANDBOX_PORT=first) as sandbox:
            sandbox.wait_for("Stop ")
            found = re.search(r"inspection +(http://[0-9.]+:\d+)", sandbox.said)
            assert found is not None, sandbox.said
            house.desk = found[1]
            asked = house.pay(pay_with={"kind": "paypal"}, return_url="https://shop.example/back")
            approved_page(house, asked)
            house.comes_to(asked, "succeeded")
            wait_until(lambda: delivered(house, "paypal"), "it was told to the house")


def _by_transfer() -> dict[str, object]:
    return {
        "amount": {"amount": "20.00", "asset": "EUR"},
        "pay_with": {"kind": "paypal"},
        "return_url": "https://shop.example/back",
    }


@pytest.mark.parametrize(
    ("amount", "takers"),
    [("12.50 USDC", {"coinbase", "coinbase_links"}), ("12.50 EUR", {"coinbase_commerce"})],
)
@pytest.mark.requirement("S004-1", part="crypto in coins and in currencies")
def test_a_payer_of_crypto_is_sent_to_who_takes_that_asset(
    house: House, amount: str, takers: set[str]
):
    asked = house.pay(amount, pay_with={"kind": "crypto"})
    assert asked["state"] == "needs_action", asked
    assert asked["provider"] in takers, "one that is away is stepped in for"
    sent_coins(house, asked)
    paid = house.comes_to(asked, "succeeded")
    assert paid["captured"] == asked["amount"]
    wait_until(lambda: delivered(house, asked["provider"]), "it was told to the house")


@pytest.mark.requirement("S004-1", part="crypto in coins and in currencies")
def test_payment_links_step_in_while_checkouts_are_away(house: House):
    house.script("rate_limit", provider="coinbase", operation="create_checkout")
    asked = house.pay("7.25 USDC", pay_with={"kind": "crypto"})
    assert (asked["state"], asked["provider"]) == ("needs_action", "coinbase_links"), asked
    sent_coins(house, asked)
    assert house.comes_to(asked, "succeeded")["captured"] == asked["amount"]
    wait_until(lambda: delivered(house, "coinbase_links"), "it was told to the house")
    tried = house.told("GET", f"/v1/payments/{asked['id']}/attempts")["data"]
    assert [one["provider"] for one in tried] == ["coinbase", "coinbase_links"]


def sent_coins(house: House, asked: Json) -> None:
    """Do the payer's part: send exactly what was asked for."""
    page = asked["next_action"]["url"]
    if "/payment-links/" in page:
        answer = house.client.post(f"{page}/pay", data={"how": "exact"})
    else:
        answer = house.client.post(f"{page}/send", data={"asset": "USDC", "how": "exact"})
    assert answer.status_code in {200, 303}, answer.text
    house.pass_time("+5m")

"""From a payment to a verdict: a payer's browser checks the receipt of a running platform."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest
from tests.harness.waiting import wait_until
from tests.journeys.house import House, open_house
from tests.verify.test_browser import CHROMIUM, node, ran

assert node, "a fixture with the packages from npm"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    nest = Nest(tmp_path)
    try:
        with open_house(nest) as opened:
            yield opened
    finally:
        nest.clear()


@pytest.mark.system
@pytest.mark.requirement("J13", part="in the payer's browser")
def test_a_payer_lets_their_own_browser_check_the_receipt(house: House, node: Path):
    paid = house.pay("19.99 EUR")
    path = f"/v1/receipts?payment={paid['id']}"
    wait_until(lambda: house.told("GET", path)["data"], "the receipt is issued")
    receipt = house.told("GET", path)["data"][0]

    def proven() -> bool:
        answer = house.ask("GET", f"/v1/receipts/{receipt['id']}/file")
        return '"proof":' in answer.text

    wait_until(proven, "the log has signed it")
    told = json.loads(ran("node", "visit.mjs", CHROMIUM, receipt["link"], at=node))
    assert told["word"] == "valid", told
    assert paid["id"] in told["text"]
    assert "19.99" in told["text"]
    assert told["complaints"] == []

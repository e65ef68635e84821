"""Whoever runs the house sees at once that a movement of money and the book do not agree."""

import psycopg
import pytest
from tests.harness.waiting import wait_until
from tests.journeys.house import House

pytestmark = [pytest.mark.catalogue("T06"), pytest.mark.requirement("S004-1", part="completeness")]
CHANGE = "UPDATE payments.outcome SET amount = %s WHERE attempt = %s::uuid"
FINDINGS_SECONDS = 300.0  # A look is a minute old at most, and looks at the whole house.


def found(house: House) -> list[tuple[str, str]]:
    """Return what the doctor says of completeness, by health."""
    told = house.nest.run("doctor", "database", "--json").facts["findings"]
    return [(one["health"], one["found"]) for one in told if one["check"] == "completeness"]


def test_a_movement_that_is_booked_otherwise_is_found(house: House) -> None:
    payment = house.pay("20.00 EUR")
    attempt = house.told("GET", f"/v1/payments/{payment['id']}/attempts")["data"][0]["id"]
    key = attempt.removeprefix("att_")
    assert not [said for _, said in found(house) if payment["id"] in said]
    with psycopg.connect(house.database(), autocommit=True) as connection:
        connection.execute(CHANGE, (1999, key))
        try:
            told = [one for one in found(house) if payment["id"] in one[1]]
        finally:
            connection.execute(CHANGE, (None, key))
    assert told == [
        ("wrong", f"tr_{key} of {payment['id']} debits 20.00 EUR and not 19.99 EUR"),
    ]


def test_operators_see_it_among_the_findings(house: House) -> None:
    operator = house.operator()

    def checks() -> set[str]:
        told = house.told("GET", "/v1/system/findings", by=operator)["findings"]
        return {one["check"] for one in told}

    wait_until(lambda: "completeness" in checks(), "somebody has looked", FINDINGS_SECONDS)

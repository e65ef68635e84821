"""PayPal's settlement report, read by somebody who knows nothing of the emulator."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sandbox.paypal_shop import PAYMENTS, Shop, euro, shop_of

ACCOUNT = "BEZANTSHP2222"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_of(tmp_path) as shop:
        yield shop


def report(shop: Shop, days_ago: int = 0) -> tuple[list[list[str]], list[tuple[str, int, int]]]:
    """Return the report's lines, and what the book says money did on that day."""
    day = (shop.here.clock.now() - timedelta(days=days_ago)).date()
    told = shop.here.loop.run(shop.here.inspection.settlement("paypal", day))
    assert told.file.name == f"STL-{day:%Y%m%d}.01.009.CSV"
    lines = list(csv.reader(io.StringIO(told.file.text)))
    return lines, [(one.asset, one.amount, one.fee) for one in told.movements]


def bodies(lines: list[list[str]]) -> list[dict[str, str]]:
    (head,) = [line[1:] for line in lines if line[0] == "CH"]
    return [dict(zip(head, line[1:], strict=True)) for line in lines if line[0] == "SB"]


def signed(side: str, minor: str) -> int:
    return int(minor) if side == "CR" else -int(minor)


def test_a_day_without_money_says_so(shop: Shop):
    lines, moved = report(shop)
    assert moved == []
    assert [line[0] for line in lines] == ["RH", "FH", "SH", "CH", "SC", "RC", "FF"]
    assert lines[0][3] == ACCOUNT
    assert lines[-1] == ["FF", "0"]


def test_the_report_adds_up_to_the_book_by_currency_and_from_day_to_day(shop: Shop):
    taken = shop.captured("20.00", key="c1", invoice_id="INV-1", custom_id="pay_1")
    shop.captured("100.00", key="c2", custom_id='with "quotes", and commas')
    yen = shop.approved(amount=euro("1500", "JPY"))
    assert shop.post(f"/v2/checkout/orders/{yen}/capture", key="c3").status_code == 201
    shop.post(f"{PAYMENTS}/captures/{taken['id']}/refund", {"amount": euro("5.00")}, "r1")
    lines, moved = report(shop)
    rows = bodies(lines)
    told = [
        (
            row["Gross Transaction Currency"],
            signed(row["Transaction Debit or Credit"], row["Gross Transaction Amount"]),
            int(row["Fee Amount"] or 0),
        )
        for row in rows
    ]
    assert told == moved
    assert [row["Transaction Event Code"] for row in rows] == ["T0006", "T0006", "T0006", "T1107"]
    assert rows[0]["Custom Field"] == "pay_1"
    assert rows[1]["Custom Field"] == 'with "quotes", and commas'
    assert (rows[0]["Invoice ID"], rows[0]["Payment Tracking ID"]) == ("INV-1", "c1")
    assert rows[3]["PayPal Reference ID"] == taken["id"]
    sums = {line[1]: line[2:] for line in lines if line[0] == "SF"}
    assert set(sums) == {"EUR", "JPY"}
    # 3.49 percent and 39 cents of 20.00 and of 100.00.
    assert sums["EUR"][:4] == ["12000", "500", "0", str(109 + 388)]
    assert sums["EUR"][4:8] == ["CR", "0", "CR", str(12_000 - 500 - 109 - 388)]
    assert lines[-1] == ["FF", "4"]

    shop.here.pass_time(days=1)
    after, none = report(shop)
    assert none == []
    (again,) = [line[2:] for line in after if line[:2] == ["SF", "EUR"]]
    assert again[4:8] == ["CR", "11003", "CR", "11003"]
    yesterday, _ = report(shop, days_ago=1)
    assert [line for line in yesterday if line[0] == "SB"] == [
        line for line in lines if line[0] == "SB"
    ]

"""Settlement files: posted once, matched line by line, and clearing accounts return to zero."""

import pytest
from tests.payments.till import MERCHANT, Till

from bezant.actor import Mode
from bezant.payments.port import Payment, SettleFile, Settlement
from bezant.psp.port import MalformedSettlement

HEAD = "type,id,authorisation,key,asset,gross,fee,net,occurred_at"
AT = "2026-08-02T10:00:00Z"


def line(kind: str, name: str, reference: str, gross: int, fee: int = 0) -> str:
    return f"{kind},{name},{reference},,EUR,{gross},{fee},{gross - fee},{AT}"


async def settled(till: Till, *lines: str) -> Settlement:
    file = "\n".join((HEAD, *lines)) + "\n"
    return await till.payments.settle(SettleFile("card", Mode.TEST, file.encode()))


@pytest.mark.catalogue("T06")
async def test_after_settlement_the_provider_owes_nothing(till: Till) -> None:
    payments = [await till.pay(f"{amount}.00 EUR") for amount in (100, 50, 30)]
    refund = await till.refund(payments[1], "20.00 EUR")
    gross = [line("charge", f"m{one.id[-6:]}{at}", one.reference, one.amount.minor, 100)
             for at, one in enumerate(payments)]  # fmt: skip
    found = await settled(
        till, *gross,
        line("refund", refund.reference, payments[1].reference, -2000),
        line("payout", "m_p", "", -15700),
    )  # fmt: skip
    assert (found.unmatched, found.matched) == ((), 4)
    asset = found.assets[0]
    assert (asset.gross.decimal(), asset.fees.decimal(), asset.paid_out.decimal()) == (
        "160.00", "3.00", "157.00",
    )  # fmt: skip
    assert await till.balance("psp_receivable", "card") == "0.00"
    assert await till.balance("refund_payable", "card") == "0.00"
    assert await till.balance("cash_at_bank", "main") == "157.00"
    assert await till.balance("fees_paid", "card") == "3.00"
    assert await till.balance("suspense") == "0.00"
    assert await till.balance("merchant_payable", MERCHANT) == "160.00"
    assert [_cost(await till.now(one)) for one in payments] == ["1.00", "1.00", "1.00"]


async def test_the_same_file_and_the_same_movement_count_once(till: Till) -> None:
    payment = await till.pay("100.00 EUR")
    lines = (line("charge", "m1", payment.reference, 10000, 150), line("payout", "p1", "", -9850))
    first = await settled(till, *lines)
    again = await settled(till, *lines)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.assets == first.assets
    await settled(
        till, *lines, line("charge", "m2", "auth_elsewhere", 500), line("payout", "p2", "", -500)
    )
    assert await till.balance("psp_receivable", "card") == "0.00"
    assert await till.balance("cash_at_bank", "main") == "103.50"
    assert await till.balance("suspense") == "5.00"
    assert _cost(await till.now(payment)) == "1.50"


async def test_money_nobody_knows_waits_in_suspense(till: Till) -> None:
    found = await settled(
        till, line("charge", "m1", "auth_unknown", 4200, 42), line("payout", "p1", "", -4158)
    )
    assert found.unmatched == ("auth_unknown",)
    assert await till.balance("suspense") == "42.00"
    assert await till.balance("psp_receivable", "card") == "0.00"


async def test_what_is_no_settlement_file_is_refused_and_changes_nothing(till: Till) -> None:
    with pytest.raises(MalformedSettlement):
        await settled(till, "charge,m1,auth_1,,EUR,12.5,0,0,yesterday")
    assert till.count("settlement") == 0
    assert till.count("settled_line") == 0


def _cost(payment: Payment) -> str:
    return "" if payment.cost is None else payment.cost.decimal()

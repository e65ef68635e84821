"""Settlement files: what the emulators' books say is what we read, to the last unit."""

from datetime import UTC, datetime

import pytest
from tests.psp.shops import METHODS, open_shop, step_of
from tests.psp.stories import paid
from tests.sandbox.stand import Town

from bezant.money import EUR, USD, USDC, Money
from bezant.psp.port import MalformedSettlement, SettlementLine
from bezant.psp.registry import connector_of

PROVIDERS = [one for one in METHODS if not one.startswith("coinbase_")]


@pytest.mark.requirement("S004-1")
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_lines_of_a_day_add_up_to_the_providers_book(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge, told = await paid(shop)
        await paid(shop)
        if provider in {"stripe", "card", "paypal"}:
            await shop.refund(step_of(charge, told, amount=EUR(5_00)))
        if provider == "coinbase":
            await shop.refund(step_of(charge, told, amount=USDC(2_000_000)))
        city.catch_up()
        name = "coinbase" if provider.startswith("coinbase") else provider
        report = city.loop.run(city.inspection.settlement(name, city.clock.now().date()))
        lines = shop.connector.settlement(report.file.text.encode())
        asset = charge.amount.asset
        net = sum(one.gross.minor - one.fee.minor for one in lines if one.gross.asset == asset)
        assert net == sum(one.amount - one.fee for one in report.movements)
        kinds = [one.kind for one in lines]
        assert kinds.count("charge") == 2
        if provider != "bank":
            assert kinds.count("refund") == 1
            assert [one.gross.minor < 0 for one in lines if one.kind == "refund"] == [True]
        assert len({one.id for one in lines}) == len(lines), "each movement has a name of its own"
        if provider in {"stripe", "card", "paypal"}:
            assert charge.attempt in {one.attempt for one in lines if one.kind == "charge"}
        elif provider == "bank":
            assert told.reference in {one.reference for one in lines}


STRIPE = """balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,\
reporting_category,source_id,description,payment_intent_id,automatic_payout_id,\
payment_metadata[attempt]
txn_1,2026-08-01 12:00:00,2026-08-03 00:00:00,eur,20.00,0.88,19.12,charge,ch_1,,pi_1,po_1,att_1
txn_2,2026-08-01 13:00:00,2026-08-03 00:00:00,eur,-5.00,0.00,-5.00,refund,re_1,,pi_1,po_1,att_2
txn_3,2026-08-01 13:30:00,2026-08-03 00:00:00,jpy,500,18,482,charge,ch_2,,pi_2,po_1,att_3
txn_4,2026-08-01 14:00:00,2026-08-03 00:00:00,eur,-20.00,15.00,-35.00,dispute,du_1,,pi_1,po_1,
txn_5,2026-08-02 00:00:00,2026-08-03 00:00:00,eur,-14.12,0.00,-14.12,payout,po_1,,,po_1,
txn_6,2026-08-02 00:00:00,2026-08-03 00:00:00,eur,-0.30,0.00,-0.30,fee,,Radar,,po_1,
"""


def test_stripes_itemised_report_as_its_reference_shows_it():
    lines = connector_of("stripe").settlement(STRIPE.encode())
    assert [(one.kind, str(one.gross), str(one.fee)) for one in lines] == [
        ("charge", "20.00 EUR", "0.88 EUR"),
        ("refund", "-5.00 EUR", "0.00 EUR"),
        ("charge", "500 JPY", "18 JPY"),
        ("dispute", "-20.00 EUR", "15.00 EUR"),
        ("payout", "-14.12 EUR", "0.00 EUR"),
        ("fee", "-0.30 EUR", "0.00 EUR"),
    ]
    assert lines[0] == SettlementLine(
        "charge",
        "pi_1",
        "att_1",
        EUR(20_00),
        EUR(88),
        datetime(2026, 8, 1, 12, tzinfo=UTC),
        "po_1",
        "txn_1",
    )


PAYPAL = """"RH","2026/08/02 04:08:09 +0000","A","MERCHANT1",011,
"FH",01
"SH","2026/08/01 00:00:00 +0000","2026/08/01 23:59:59 +0000","MERCHANT1",""
"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type",\
"Transaction Event Code","Transaction Initiation Date","Transaction Completion Date",\
"Transaction Debit or Credit","Gross Transaction Amount","Gross Transaction Currency",\
"Fee Debit or Credit","Fee Amount","Fee Currency","Custom Field"
"SB","T1","att_1","","","T0006","2026/08/01 05:00:00 -0700","2026/08/01 05:00:00 -0700",\
"CR",2000,"USD","DR",99,"USD","att_1"
"SB","T2","","T1","TXN","T1107","2026/08/01 06:00:00 -0700","2026/08/01 06:00:00 -0700",\
"DR",500,"USD","CR",15,"USD","att_2"
"SB","T3","","","","T0006","2026/08/01 06:00:00 -0700","2026/08/01 06:00:00 -0700",\
"CR",900,"HUF","",,"","att_3"
"SF","USD",2000,500,0,99
"SC",3
"FF",3
"""


def test_paypals_settlement_report_as_its_reference_shows_it():
    lines = connector_of("paypal").settlement(PAYPAL.encode())
    assert [(one.kind, one.attempt, one.gross, one.fee) for one in lines] == [
        ("charge", "att_1", USD(20_00), USD(99)),
        ("refund", "att_2", USD(-5_00), USD(-15)),
        ("charge", "att_3", Money.of("900 HUF"), Money.of("0 HUF")),
    ]
    assert lines[0].occurred_at == datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("provider", "file", "line"),
    [
        ("stripe", STRIPE.replace("20.00,0.88", "20.005,0.88"), 2),
        ("stripe", STRIPE.replace("-5.00,0.00,-5.00,refund", "x,0.00,-5.00,refund"), 3),
        ("stripe", STRIPE.replace("jpy", "xyz"), 4),
        ("stripe", STRIPE.replace("2026-08-01 12:00:00", "soon"), 2),
        ("stripe", STRIPE.replace("txn_5,", "txn_5,,"), 6),
        ("stripe", STRIPE.replace("jpy,500", "jpy,0.5"), 4),
        ("paypal", PAYPAL.replace('"DR",500', '"XX",500'), 6),
        ("paypal", PAYPAL.replace('"CR",2000', '"CR",20.00'), 5),
        ("paypal", PAYPAL.replace("T1107", "1107"), 6),
        ("paypal", PAYPAL.replace('"CR",2000', '"",2000'), 5),
    ],
)
def test_a_line_that_is_wrong_is_named_and_nothing_is_taken(provider: str, file: str, line: int):
    with pytest.raises(MalformedSettlement) as wrong:
        connector_of(provider).settlement(file.encode())
    assert f"line {line}" in wrong.value.detail


@pytest.mark.parametrize("provider", ["stripe", "paypal", "coinbase", "card"])
@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\n\n",
        b"a,b,c\n1,2,3\n",
        b"\xff\xfe\x00",
        b'"unclosed\n',
        b"{}",
        STRIPE.replace("gross", "brutto").encode(),
        STRIPE.replace("gross,fee", "gross,gross,fee").encode(),
    ],
    ids=range(8),
)
def test_what_is_no_report_is_refused(provider: str, file: bytes):
    with pytest.raises(MalformedSettlement):
        connector_of(provider).settlement(file)

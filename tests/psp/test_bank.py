"""The bank: references a payer can type, documents nobody can trick us with, lines that add up."""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.psp.recorded import answer
from tests.psp.shops import BANK, attempt_key, charge_of, step_of

from bezant.money import EUR
from bezant.psp.bank import Bank
from bezant.psp.bank_messages import booked, key_of, order, spelled_key
from bezant.psp.creditor_reference import is_reference, reference_in, reference_of
from bezant.psp.document import NotReadable
from bezant.psp.iso20022 import read, text_of
from bezant.psp.port import (
    DeclineCode,
    MalformedSettlement,
    MalformedWebhook,
    NotOfferedByProvider,
    Result,
    Verdict,
)
from bezant.sandbox.bank_numbers import is_reference as others_say_so

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_a_payment_has_one_reference_and_its_check_digits_are_right(payment: str):
    made = reference_of(payment)
    assert made == reference_of(payment)
    assert len(made) == 20
    assert is_reference(made)
    assert others_say_so(made), "by an independent reckoning"
    assert not set(made[4:]) & set("ILOU")


def test_references_of_different_payments_differ():
    made = {reference_of(f"pay_{number:032x}") for number in range(20_000)}
    assert len(made) == 20_000


@settings(deadline=None)
@given(st.integers(4, 19), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_letter_for_another_or_one_digit_for_another_is_noticed(at: int, sign: str):
    made = reference_of("pay_1")
    assume(made[at].isdigit() is sign.isdigit())
    slipped = made[:at] + sign + made[at + 1 :]
    assert is_reference(slipped) is (slipped == made)


@pytest.mark.parametrize(
    "text",
    [
        "{0}",
        "Invoice 12 {0} thank you",
        "{1}",
        "ref:{1}, order 7",
        "{2}",
        "Zahlung{0}",
    ],
)
def test_a_reference_is_found_in_what_a_payer_wrote(text: str):
    made = reference_of("pay_1")
    grouped = " ".join(made[at : at + 4] for at in range(0, 20, 4))
    assert reference_in(text.format(made, grouped, made.lower())) == made


@pytest.mark.parametrize("text", ["", "RF", "RF00ABC", "RF18 5390 0754 7035", "hello RF123"])
def test_no_reference_is_found_where_there_is_none(text: str):
    assert reference_in(text) == ""


def test_our_key_fits_into_a_transfer_and_is_read_back():
    key = attempt_key()
    assert len(spelled_key(key)) <= 35
    assert key_of(spelled_key(key)) == key
    assert len(spelled_key("another_kind_of_key_" * 5)) == 35
    assert key_of("NOTPROVIDED") == ""


ENTRY = """<Ntry><NtryRef>1</NtryRef><Amt Ccy="{currency}">{amount}</Amt>
<CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts>
<BookgDt><Dt>2026-08-01</Dt></BookgDt><AcctSvcrRef>E1</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn>
</BkTxCd>
{details}</Ntry>"""
DETAILS = """<NtryDtls><TxDtls><Refs><AcctSvcrRef>{id}</AcctSvcrRef>
<EndToEndId>{key}</EndToEndId></Refs>{amount}
<RltdPties><Dbtr><Pty><Nm>Paula Payer</Nm></Pty></Dbtr>
<DbtrAcct><Id><IBAN>DE02100100100006820101</IBAN></Id></DbtrAcct></RltdPties>
<RmtInf>{remittance}</RmtInf></TxDtls></NtryDtls>"""


def entry(amount: str = "20.00", **more: str) -> str:
    told = {
        "currency": "EUR",
        "amount": amount,
        "direction": "CRDT",
        "status": "BOOK",
        "family": "RCDT",
        "sub": "ESCT",
        "details": "",
        **more,
    }
    return ENTRY.format(**told)


def details(id_: str = "T1", amount: str = "", remittance: str = "", key: str = "K") -> str:
    told = f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>' if amount else ""
    return DETAILS.format(id=id_, amount=told, remittance=remittance, key=key)


def message(*entries: str, kind: str = "camt.053.001.08", iban: str = BANK.iban) -> bytes:
    outer, inner = {
        "camt.053.001.08": ("BkToCstmrStmt", "Stmt"),
        "camt.054.001.08": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }.get(kind, ("X", "Y"))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}"><{outer}>
<GrpHdr><MsgId>MSG-1</MsgId></GrpHdr>
<{inner}><Id>1</Id><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{"".join(entries)}</{inner}>
</{outer}></Document>""".encode()


def test_an_entry_has_no_details_one_or_many():
    reference = reference_of("pay_1")
    structured = f"<Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>"
    batch = details("T1", "12.50", structured) + details("T2", "7.50")
    lines = booked(
        message(
            entry("5.00"),
            entry("20.00", details=details("T0", remittance=f"<Ustrd>for {reference}</Ustrd>")),
            entry("20.00", details=batch),
        ),
        BANK.iban,
    )
    assert [(one.id, one.gross.decimal(), one.reference) for one in lines] == [
        ("E1", "5.00", ""),
        ("T0", "20.00", reference),
        ("T1", "12.50", reference),
        ("T2", "7.50", ""),
    ]
    assert lines[1].payer == {"iban": "DE02100100100006820101", "name": "Paula Payer"}


def test_equal_amounts_on_one_day_are_not_the_same_transfer():
    assert len(booked(message(entry("5.00"), entry("5.00")), BANK.iban)) == 2


def test_what_is_not_booked_yet_does_not_count():
    assert booked(message(entry(status="PDNG"), entry(status="INFO")), BANK.iban) == []


@pytest.mark.parametrize(
    ("family", "sub", "direction", "kind", "minor"),
    [
        ("RCDT", "ESCT", "CRDT", "charge", 20_00),
        ("RRCT", "ESCT", "CRDT", "charge", 20_00),
        ("ICDT", "ESCT", "DBIT", "refund", -20_00),
        ("ICDT", "RRTN", "CRDT", "refund", 20_00),
        ("RCDT", "RRTN", "DBIT", "dispute", -20_00),
        ("ICDT", "CHRG", "DBIT", "fee", -20_00),
        ("XXXX", "YYYY", "CRDT", "charge", 20_00),
        ("XXXX", "YYYY", "DBIT", "refund", -20_00),
    ],
)
def test_the_banks_code_says_what_an_entry_is(
    family: str, sub: str, direction: str, kind: str, minor: int
):
    [line] = booked(message(entry(family=family, sub=sub, direction=direction)), BANK.iban)
    assert (line.kind, line.gross) == (kind, EUR(minor))


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    b'<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Document>&b;</Document>'
)
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>'


@pytest.mark.catalogue("T62")
@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"not xml",
        b"<Document/>",
        BOMB,
        OUTSIDE,
        BOMB.decode().encode("utf-16"),
        message(entry(), kind="pain.001.001.09"),
        message(entry(), kind="camt.053.001.8"),
        message(entry(), iban="DE02100100100006820101"),
        message(entry("1.005")),
        message(entry("-1.00")),
        message(entry("1,00")),
        message(entry(currency="USD")),
        message(entry(direction="SIDEWAYS")),
        message(entry().replace("2026-08-01", "yesterday")),
        message(entry("20.00", details=details("T1", "12.00") + details("T2", "7.00"))),
        message(entry())[:-20],
        message(entry()).replace(b"UTF-8", b"no-such-encoding"),
        b"<a>" * 100_000,
    ],
    ids=range(19),
)
def test_what_is_no_statement_of_ours_is_refused_whole(file: bytes):
    bank = Bank(BANK)
    with pytest.raises(MalformedSettlement):
        bank.settlement(file)
    with pytest.raises(MalformedWebhook):
        bank.incoming({}, file)


def test_a_notification_of_one_payment_is_a_charge_and_of_several_a_statement():
    bank = Bank(BANK)
    reference = reference_of("pay_1")
    remittance = f"<Ustrd>{reference}</Ustrd>"
    one = bank.incoming(
        {}, message(entry(details=details(remittance=remittance)), kind="camt.054.001.08")
    )
    assert (one.id, one.about, one.reference) == ("MSG-1", "charge", reference)
    assert one.verdict is not None
    assert (one.verdict.result, one.verdict.amount) == (Result.CAPTURED, EUR(20_00))
    assert one.verdict.payer["iban"]
    many = bank.incoming({}, message(entry(), entry(), kind="camt.054.001.08"))
    assert (many.about, len(many.lines), many.verdict) == ("statement", 2, None)
    lost = bank.incoming({}, message(entry(), kind="camt.054.001.08"))
    assert (lost.about, len(lost.lines)) == ("statement", 1), "money of nobody we know"


REPORT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<OrgnlGrpInfAndSts><OrgnlMsgId>{name}</OrgnlMsgId><GrpSts>{group}</GrpSts>{reason}
</OrgnlGrpInfAndSts>{one}</CstmrPmtStsRpt></Document>"""
ONE = (
    """<OrgnlPmtInfAndSts><TxInfAndSts><TxSts>{status}</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>"""
)
REASON = "<StsRsnInf><Rsn><Cd>{0}</Cd></Rsn></StsRsnInf>"


@pytest.mark.parametrize(
    ("group", "one", "reason", "result", "code"),
    [
        ("ACSC", "ACSC", "", Result.REFUNDED, None),
        ("ACSC", "", "", Result.REFUNDED, None),
        ("ACSP", "ACSP", "", Result.PENDING, None),
        ("PDNG", "", "", Result.PENDING, None),
        ("NEWS", "", "", Result.PENDING, None),
        ("RJCT", "", "AM04", Result.DECLINED, DeclineCode.INSUFFICIENT_FUNDS),
        ("RJCT", "", "XX99", Result.DECLINED, DeclineCode.OTHER),
        ("RJCT", "", "DU01", Result.UNKNOWN, None),
        ("PART", "ACSC", "", Result.REFUNDED, None),
    ],
)
def test_a_report_says_how_far_a_refund_is(
    group: str, one: str, reason: str, result: Result, code: DeclineCode | None
):
    bank = Bank(BANK)
    charge = charge_of("bank")
    known = Verdict(Result.CAPTURED, reference_of(charge.payment))
    step = step_of(charge, known)
    told = REPORT.format(
        name=spelled_key(step.attempt),
        group=group,
        reason=REASON.format(reason) if reason else "",
        one=ONE.format(status=one) if one else "",
    )
    verdict = bank.refunded(step, answer(told.encode(), 201))
    assert verdict.result is result
    assert (verdict.decline.code if verdict.decline else None) == code
    other = told.replace(spelled_key(step.attempt), "somebody-elses")
    assert bank.refunded(step, answer(other.encode(), 201)).result is Result.UNKNOWN


def test_an_order_is_a_document_with_nothing_of_the_payers_making():
    charge = charge_of("bank")
    payer = {"iban": "DE02100100100006820101", "name": 'Eve </Nm><Evil> & "Söns"'}
    known = Verdict(Result.CAPTURED, reference_of(charge.payment), payer=payer)
    step = step_of(charge, known, reason="<b>&amp;" * 60, amount=EUR(5_01))
    raw = order(step, BANK.iban, BANK.owner, NOW)
    kind, root = read(raw)
    assert kind == "pain.001"
    transfer = root.find("CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf")
    assert transfer is not None
    assert text_of(transfer, "Amt/InstdAmt") == "5.01"
    assert text_of(transfer, "Cdtr/Nm") == "Eve ./Nm..Evil. . .S.ns."
    assert len(text_of(transfer, "RmtInf/Ustrd")) <= 140
    assert root.find(".//Evil") is None


def test_money_cannot_be_sent_back_to_nobody():
    charge = charge_of("bank")
    step = step_of(charge, Verdict(Result.CAPTURED, "RF1"), now=NOW)
    with pytest.raises(NotOfferedByProvider):
        Bank(BANK).refund(step)


def test_a_message_that_is_too_long_is_not_read():
    with pytest.raises(NotReadable):
        read(b" " * 11, bytes_max=10)

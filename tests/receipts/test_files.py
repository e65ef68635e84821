"""J13: a stranger with a receipt. Valid offline, and nothing of it can be changed or left out."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.receipts.office import ANN, BOB, NAME, Office

from bezant.actor import Mode
from bezant.receipts.port import (
    FollowLink,
    Form,
    ReadFile,
    ReceiptsOf,
    Show,
    UnknownField,
    UnknownReceipt,
)
from bezant.secret import Secret
from bezant_verify import jws
from bezant_verify.receipt import written

pytestmark = pytest.mark.requirement("J13", "S000-10", "G2", part="the receipts we issue")


async def issued(office: Office, form: Form = Form.COMPACT, **more: Any) -> str:
    """Return the file of a new receipt."""
    payment = office.till.paid(**more)
    await office.record()
    receipt = await office.only(payment)
    if form is Form.FULL:
        await office.receipts.sign_in_full(ANN, Mode.TEST, receipt.id)
        await office.record()
    return (await office.file(receipt)).text


async def test_a_compact_receipt_is_valid_offline_and_says_so(office: Office):
    payment = office.till.paid()
    await office.record()
    file = await office.file(await office.only(payment))
    found = await office.judged(file.text)
    assert found.code == 0, found.found
    assert found.found["signed_with"] == ["ES256"]
    assert found.found["logged"]["origin"] == "bezant.example/audit"  # pyright: ignore
    assert (file.finding.valid, file.finding.signed_with, file.hidden) == (True, ("ES256",), 0)
    assert file.finding.index == found.found["logged"]["index"]  # pyright: ignore
    assert file.merchant == NAME
    # About a kilobyte and a half of its own; the rest is the proof with the log's signatures.
    assert len(json.dumps(json.loads(file.text)["receipt"])) < 2_000


async def test_a_full_receipt_carries_both_and_stands_in_the_log_as_well(office: Office):
    payment = office.till.paid()
    await office.record()
    before = await office.only(payment)
    compact = await office.file(before)
    after = await office.receipts.sign_in_full(ANN, Mode.TEST, before.id)
    assert (before.forms, after.forms) == ((Form.COMPACT,), (Form.COMPACT, Form.FULL))
    assert await office.receipts.sign_in_full(ANN, Mode.TEST, before.id) == after
    await office.record()
    file = await office.file(after)
    found = await office.judged(file.text)
    assert (found.code, found.found["signed_with"]) == (0, ["ES256", "ML-DSA-87"])
    assert file.fields == compact.fields
    assert (await office.judged(compact.text)).code == 0
    given = json.loads(file.text)  # It needs no proof: both kinds of signature are its own.
    del given["proof"], given["opening"]
    assert (await office.judged(written(given))).code == 0


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.long)])
async def test_every_changed_byte_is_noticed(office: Office, form: Form, every: int):
    """Each byte of fixed files is changed in the verifier's own tests; here, of what we issue."""
    text = (await issued(office, form)).encode()
    chance = random.Random(7)
    missed: list[int] = []
    for at in range(chance.randrange(every), len(text), every):
        changed = bytearray(text)
        changed[at] ^= 1 << chance.randrange(8)
        try:
            if (await office.judged(changed.decode())).code == 0:
                missed.append(at)
        except UnicodeDecodeError:
            continue
    assert missed == []
    assert (await office.judged(text.decode())).code == 0


Change = Callable[[dict[str, Any], dict[str, Any]], None]


def strip_first(found: dict[str, Any], _: dict[str, Any]) -> None:
    del found["receipt"]["signatures"][0]


def strip_last(found: dict[str, Any], _: dict[str, Any]) -> None:
    del found["receipt"]["signatures"][-1]


def strip_post_quantum_from_the_checkpoint(found: dict[str, Any], _: dict[str, Any]) -> None:
    lines = found["proof"].splitlines(keepends=True)
    found["proof"] = "".join(line for line in lines if len(line) < 5_000)


def signature_of_another(found: dict[str, Any], other: dict[str, Any]) -> None:
    found["receipt"]["signatures"] = other["receipt"]["signatures"]


def payload_of_another(found: dict[str, Any], other: dict[str, Any]) -> None:
    found["receipt"]["payload"] = other["receipt"]["payload"]


def proof_of_another(found: dict[str, Any], other: dict[str, Any]) -> None:
    found["proof"], found["opening"] = other["proof"], other["opening"]


def field_of_another(found: dict[str, Any], other: dict[str, Any]) -> None:
    found["disclosures"][0] = other["disclosures"][0]


def field_twice(found: dict[str, Any], _: dict[str, Any]) -> None:
    found["disclosures"].append(found["disclosures"][0])


def a_higher_amount(found: dict[str, Any], _: dict[str, Any]) -> None:
    for at, one in enumerate(found["disclosures"]):
        salt, name, value = json.loads(jws.from_base64url(one))
        if name == "amount":
            value["amount"] = "1999.00"
            forged = json.dumps([salt, name, value], separators=(",", ":"))
            found["disclosures"][at] = jws.base64url(forged.encode())


@pytest.mark.parametrize(
    ("form", "change"),
    [
        (Form.FULL, strip_first),
        (Form.FULL, strip_last),
        (Form.COMPACT, strip_first),
        (Form.COMPACT, strip_post_quantum_from_the_checkpoint),
        *(
            (form, change)
            for form in Form
            for change in (
                signature_of_another, payload_of_another, proof_of_another, field_of_another,
                field_twice, a_higher_amount,
            )
        ),
    ],
)  # fmt: skip
async def test_nothing_may_be_taken_away_or_put_in_its_place(
    office: Office, form: Form, change: Change
):
    found, other = json.loads(await issued(office, form)), json.loads(await issued(office, form))
    assert (await office.judged(written(found))).code == 0
    change(found, other)
    judged = await office.judged(written(found))
    assert judged.code == 1, judged.found


async def test_before_the_log_is_signed_it_is_incomplete_and_says_so(office: Office):
    payment = office.till.paid()
    await office.issue()
    await office.stand.publisher.step()
    early = await office.file(await office.only(payment))
    assert not early.finding.valid
    assert "ask again in a moment" in early.finding.why
    assert (await office.judged(early.text)).code == 2
    await office.record()
    later = await office.file(await office.only(payment))
    assert (await office.judged(later.text)).code == 0


async def test_what_is_shown_is_chosen_and_the_rest_cannot_be_guessed(office: Office):
    payment = office.till.paid(description="For Mr Jones")
    await office.record()
    receipt = await office.only(payment)
    file = await office.file(receipt, "amount", "created")
    found = await office.judged(file.text)
    assert found.code == 0
    told = found.found["receipt"]
    assert isinstance(told, dict)
    assert told["amount"] == {"amount": "19.99", "asset": "EUR"}
    assert {field.name for field in file.fields} == {"amount", "created"}
    assert found.found["hidden_fields"] == file.hidden > 5
    assert file.merchant == ""
    whole = await office.file(receipt)
    for secret in (ANN, payment, "Jones", "stripe"):
        assert secret not in readable(file.text)
        assert secret in readable(whole.text)  # The control: the same search finds it.
    with pytest.raises(UnknownField):
        await office.file(receipt, "amount", "colour")
    nothing = await office.receipts.file(
        ReadFile(ANN, Mode.TEST, receipt.id, Show(everything=False))
    )
    assert (nothing.fields, (await office.judged(nothing.text)).code) == ((), 0)


def readable(text: str) -> str:
    """Return everything that can be read in a receipt file, however it is wrapped."""
    given = json.loads(text)
    parts = [text, json.dumps(given)]
    parts += [jws.from_base64url(one).decode() for one in given["disclosures"]]
    parts.append(jws.from_base64url(given["receipt"]["payload"]).decode())
    return "\n".join(parts)


@pytest.mark.requirement("G8", part="receipts stay provable when what they say is erased")
async def test_erasing_destroys_what_opens_it_and_not_the_receipt(office: Office):
    payment, kept = office.till.paid(description="For Mr Jones"), office.till.paid()
    await office.record()
    receipt, other = await office.only(payment), await office.only(kept)
    before = await office.file(receipt)
    assert await office.receipts.erase(BOB, (payment,)) == 0
    assert await office.receipts.erase(ANN, (payment,)) == 1
    assert await office.receipts.erase(ANN, (payment,)) == 0
    after = await office.file(receipt)
    found = await office.judged(after.text)
    assert (found.code, after.fields) == (0, ())
    assert found.found["hidden_fields"] == len(before.fields)
    assert (await office.only(payment)).erased
    assert not (await office.only(kept)).erased
    assert (await office.file(other)).fields
    dump = "\n".join(
        str(office.rows(f"SELECT t::text FROM receipts.{table} AS t"))
        for table in ("receipt", "disclosure", "stored_receipt", "event")
    )
    secret = next(
        one
        for one in json.loads(before.text)["disclosures"]
        if "Jones" in jws.from_base64url(one).decode()
    )
    assert "Jones" not in dump
    assert secret not in dump
    assert json.loads(before.text)["receipt"]["payload"] in dump  # The control: it is searched.


async def test_a_receipt_changed_by_the_owner_of_the_tables_is_not_valid(office: Office):
    payment = office.till.paid()
    await office.record()
    receipt = await office.only(payment)
    assert (await office.file(receipt)).finding.valid
    office.sql(
        "UPDATE receipts.disclosure SET fields = replace(fields, split_part(fields, '~', 1), "
        "'WyJhIiwiYW1vdW50IiwiMSJd')"
    )
    changed = await office.receipts.file(ReadFile(ANN, Mode.TEST, receipt.id))
    assert not changed.finding.valid
    assert (await office.judged(changed.text)).code == 1


async def test_nobody_sees_another_merchants_or_modes_receipts(office: Office):
    payment = office.till.paid()
    live = office.till.paid(mode=Mode.LIVE)
    await office.record()
    receipt = await office.only(payment)
    for tenant, mode in ((BOB, Mode.TEST), (ANN, Mode.LIVE)):
        with pytest.raises(UnknownReceipt):
            await office.receipts.receipt(tenant, mode, receipt.id)
        with pytest.raises(UnknownReceipt):
            await office.receipts.file(ReadFile(tenant, mode, receipt.id))
        with pytest.raises(UnknownReceipt):
            await office.receipts.sign_in_full(tenant, mode, receipt.id)
        with pytest.raises(UnknownReceipt):
            await office.receipts.receipts(ReceiptsOf(tenant, mode, before=receipt.id))
    assert await office.all(BOB) == []
    assert [one.payment for one in await office.all()] == [payment]
    assert [one.payment for one in await office.all(ANN, Mode.LIVE)] == [live]
    for wrong in ("rcp_" + "0" * 32, "pay_" + "0" * 32, "", "rcp_x"):
        with pytest.raises(UnknownReceipt):
            await office.receipts.receipt(ANN, Mode.TEST, wrong)


async def test_a_link_is_followed_by_who_has_it_and_guessed_by_nobody(office: Office):
    payment = office.till.paid()
    await office.record()
    receipt = await office.only(payment)
    found = await office.receipts.follow_link(FollowLink(Secret(receipt.code)))
    assert (found.id, (await office.judged(found.text)).code) == (receipt.id, 0)
    code = receipt.code
    head, _, tail = code.partition(".")
    swapped = tail[:-1] + ("A" if tail[-1] != "A" else "B")
    for wrong in (
        head, f"{head}.", f"{head}.{swapped}", f"{'0' * 32}.{tail}", f"{code}x", f" {code}",
        code.upper(), "", ".", receipt.id,
    ):  # fmt: skip
        with pytest.raises(UnknownReceipt):
            await office.receipts.follow_link(FollowLink(Secret(wrong)))


async def test_a_list_is_read_to_its_end_and_filtered(office: Office):
    payments = [office.till.paid() for _ in range(7)]
    declined = office.till.tell("payment.declined", "declined")
    await office.issue()
    seen: list[str] = []
    before = None
    while True:
        page = await office.receipts.receipts(ReceiptsOf(ANN, Mode.TEST, limit=3, before=before))
        seen += [one.payment for one in page.receipts]
        if not page.has_more:
            break
        before = page.receipts[-1].id
    assert sorted(seen) == sorted([*payments, declined])
    wanted = ReceiptsOf(ANN, Mode.TEST, outcome=page.receipts[0].outcome.DECLINED)
    assert [one.payment for one in (await office.receipts.receipts(wanted)).receipts] == [declined]


@pytest.mark.requirement("S004-7", part="nothing of a person in what receipts publish")
async def test_the_opening_beside_a_receipt_names_no_merchant_and_no_payment(office: Office):
    payment = office.till.paid(description="For Mr Jones")
    await office.record()
    opening = json.loads((await office.file(await office.only(payment))).text)["opening"]
    assert json.loads(opening["event"])["tenant"] == "platform"
    for secret in (ANN, payment, "Jones", "19.99"):
        assert secret not in opening["event"]

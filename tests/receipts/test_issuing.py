"""Every final outcome gets a receipt, once: whatever is repeated, raced, killed or rotated."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.receipts.office import ANN, BOB, BUILD, Office, Silent, opened_office

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.faults import ConstraintViolated
from bezant.db.follower import Follower
from bezant.errors import Unavailable
from bezant.keys.port import Keys, KeySpec, RotateKey, Signature
from bezant.receipts.port import About, ChangeSettings, Form, Outcome, ReceiptsOf
from bezant.receipts.rules import reference_digest
from bezant.receipts.signing import OF_THE_POC, ORDINARY, KeysUnsettled

pytestmark = pytest.mark.requirement("S000-10")

ENDS = [
    ("payment.captured", "succeeded", Outcome.SUCCEEDED),
    ("payment.declined", "declined", Outcome.DECLINED),
    ("payment.voided", "voided", Outcome.VOIDED),
    ("payment.expired", "expired", Outcome.EXPIRED),
    ("payment.failed", "failed", Outcome.FAILED),
    ("payment.voided", "succeeded", Outcome.SUCCEEDED),  # The rest of it was let go.
]
NO_ENDS = [
    ("payment.created", "created"),
    ("payment.processing", "processing"),
    ("payment.needs_action", "needs_action"),
    ("payment.unknown", "unknown"),
    ("payment.authorized", "authorized"),
    ("payment.captured", "partly_captured"),
    ("payment.step_failed", "succeeded"),
    ("payment.retried", "processing"),
]


@pytest.mark.parametrize(("kind", "state", "outcome"), ENDS)
async def test_every_end_of_a_payment_gets_one_receipt(
    office: Office, kind: str, state: str, outcome: Outcome
):
    payment = office.till.tell(kind, state)
    await office.issue()
    receipt = await office.only(payment)
    assert (receipt.about, receipt.outcome, receipt.payment) == (About.PAYMENT, outcome, payment)
    assert str(receipt.amount) == "19.99 EUR"
    assert receipt.forms == (Form.COMPACT,)


async def test_the_receipts_of_a_payer_who_is_forgotten_open_no_more(office: Office):
    theirs, other = office.till.paid(), office.till.paid()
    await office.issue()
    office.till.tell("payment.payer_forgotten", "succeeded", payment=theirs)
    office.till.tell("refund.succeeded", "succeeded", payment=theirs, refund="re_" + "7" * 32)
    await office.issue()
    # Neither does one that is issued long after.
    office.till.tell("refund.succeeded", "succeeded", payment=theirs, refund="re_" + "8" * 32)
    office.till.tell("refund.succeeded", "succeeded", payment=other, refund="re_" + "9" * 32)
    await office.issue()
    receipts = await office.all()
    assert [one.erased for one in receipts if one.payment == theirs] == [True] * 3
    assert [one.erased for one in receipts if one.payment == other] == [False] * 2


async def test_what_is_no_end_gets_none(office: Office):
    for kind, state in NO_ENDS:
        office.till.tell(kind, state)
    office.till.tell("refund.created", "needs_approval", refund="re_" + "1" * 32)
    office.till.tell("refund.unknown", "unknown", refund="re_" + "1" * 32)
    office.till.tell("dispute.opened", "opened", refund="dp_" + "1" * 32)
    await office.issue()
    assert await office.all() == []
    payment = office.till.paid()  # The control: the same follower goes on, and sees an end.
    await office.issue()
    assert (await office.only(payment)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("kind", "state", "outcome"),
    [
        ("refund.succeeded", "succeeded", Outcome.SUCCEEDED),
        ("refund.failed", "failed", Outcome.FAILED),
        ("refund.rejected", "rejected", Outcome.REJECTED),
        ("refund.came_back", "failed", Outcome.FAILED),
    ],
)
async def test_every_end_of_a_refund_gets_one_receipt(
    office: Office, kind: str, state: str, outcome: Outcome
):
    refund = "re_" + "7" * 32
    payment = office.till.paid("20.00 EUR")
    office.till.tell(kind, state, "5.00 EUR", payment=payment, captured="20.00 EUR", refund=refund)
    await office.issue()
    found = await office.receipts.receipts(ReceiptsOf(ANN, Mode.TEST, refund=refund))
    (receipt,) = found.receipts
    assert (receipt.about, receipt.outcome, receipt.refund) == (About.REFUND, outcome, refund)
    assert (receipt.payment, str(receipt.amount)) == (payment, "5.00 EUR")


async def test_what_was_captured_counts_not_what_was_asked(office: Office):
    payment = office.till.tell("payment.voided", "succeeded", "20.00 EUR", captured="7.50 EUR")
    await office.issue()
    assert str((await office.only(payment)).amount) == "7.50 EUR"


@pytest.mark.requirement("S004-2")
async def test_a_receipt_says_what_how_much_when_who_and_by_what(office: Office):
    payment = office.till.paid(order="ord_" + "5" * 32, description="Zwei Stühle")
    await office.record()
    receipt = await office.only(payment)
    told = (await office.judged((await office.file(receipt)).text)).found["receipt"]
    assert isinstance(told, dict)
    reference = office.till.events[-1].event.data["reference"]
    assert told == told | {
        "about": "payment",
        "outcome": "succeeded",
        "amount": {"amount": "19.99", "asset": "EUR"},
        "merchant": ANN,
        "payment": payment,
        "order": "ord_" + "5" * 32,
        "description": "Zwei Stühle",
        "decided": office.clock.now().isoformat(),
        "created": office.clock.now().isoformat(),
        "reference_digest": reference_digest("stripe", str(reference)),
        "mode": "test",
        "id": receipt.id,
        "iss": "bezant.example/audit",
        "code": BUILD.version,
        "configuration": BUILD.configuration,
    }
    assert receipt.reference == reference
    assert str(reference) not in str(told)


@pytest.mark.requirement("S000-8", part="one receipt for each outcome")
async def test_killed_between_signing_and_writing_it_is_issued_once(office: Office):
    payments = [office.till.paid() for _ in range(5)]
    # What was signed is lost with the transaction, and nobody has seen it.
    office.sql("ALTER TABLE receipts.follower_position ADD CONSTRAINT no CHECK (position = 0)")
    with pytest.raises(ConstraintViolated):
        await office.issuer.step()
    assert office.count("receipts.receipt") == office.count("receipts.event") == 0
    office.sql("ALTER TABLE receipts.follower_position DROP CONSTRAINT no")
    await office.record()
    assert sorted(one.payment for one in await office.all()) == sorted(payments)
    assert office.count("receipts.event") == office.count("receipts.disclosure") == 5


async def test_two_followers_at_once_issue_each_receipt_once(office: Office):
    for _ in range(30):
        office.till.paid()

    async def follow(follower: Follower) -> None:
        while await follower.step():
            pass

    await asyncio.gather(follow(office.issuer), follow(office.another_issuer(7)))
    await office.issue()
    assert office.count("receipts.receipt") == office.count("receipts.event") == 30
    assert office.rows("SELECT count(DISTINCT payment) FROM receipts.receipt") == [(30,)]


async def test_a_feed_told_again_from_its_beginning_changes_nothing(office: Office):
    office.till.paid()
    await office.issue()
    before = office.rows("SELECT id, signed FROM receipts.receipt")
    office.sql("UPDATE receipts.follower_position SET position = 0 WHERE follower = 'receipts'")
    office.till.paid()
    await office.issue()
    assert office.count("receipts.receipt") == office.count("receipts.event") == 2
    assert office.count("receipts.disclosure") == 2
    assert set(before) < set(office.rows("SELECT id, signed FROM receipts.receipt"))


async def test_told_again_after_the_merchant_chose_another_form_it_changes_nothing_either(
    office: Office,
):
    payment = office.till.paid()
    await office.issue()
    before = await office.only(payment)
    assert await office.receipts.erase(ANN, (payment,)) == 1
    await office.receipts.change_settings(ChangeSettings(ANN, Mode.TEST, Form.FULL))
    office.sql("UPDATE receipts.follower_position SET position = 0 WHERE follower = 'receipts'")
    await office.issue()
    assert (await office.only(payment)).id == before.id, "one outcome, one receipt"
    assert office.count("receipts.disclosure") == 0, "what was erased is not here again"
    full = await office.receipts.sign_in_full(ANN, Mode.TEST, before.id)
    assert full.forms == (Form.COMPACT, Form.FULL), "the control: a further form is no other one"


async def test_a_silent_key_room_only_delays(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
):
    silent: list[Silent] = []

    def through(keys: Keys) -> Any:
        silent.append(Silent(keys))
        return silent[0]

    async with opened_office(database, clock, tmp_path, through=through) as office:
        payment = office.till.paid()
        silent[0].silent = True
        with pytest.raises(Unavailable):
            await office.issuer.step()
        assert office.count("receipts.receipt") == 0
        silent[0].silent = False
        await office.issue()
        assert (await office.only(payment)).outcome is Outcome.SUCCEEDED


class Rotating:
    """A key room in which the signing key is rotated just before it signs, so many times."""

    def __init__(self, keys: Keys, times: int) -> None:
        self._keys = keys
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)

    async def sign(self, name: str, message: bytes) -> Signature:
        if self.times:
            self.times -= 1
            await self._keys.rotate(RotateKey(name, by="test"))
        return await self._keys.sign(name, message)


async def test_a_key_rotated_in_the_moment_of_signing_signs_again(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
):
    async with opened_office(
        database, clock, tmp_path, through=lambda keys: Rotating(keys, 2)
    ) as office:
        payments = [office.till.paid()]
        await office.record()
        payments.append(office.till.paid())
        await office.record()
        for payment in payments:
            file = await office.file(await office.only(payment))
            assert (await office.judged(file.text)).code == 0
        assert len(await office.stand.keys.public_keys(ORDINARY.name)) == 3


async def test_keys_that_never_settle_issue_nothing(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
):
    async with opened_office(
        database, clock, tmp_path, through=lambda keys: Rotating(keys, 100)
    ) as office:
        office.till.paid()
        with pytest.raises(KeysUnsettled):
            await office.issuer.step()
        assert office.count("receipts.receipt") == 0


@pytest.mark.requirement("S004-4", part="receipts with ML-DSA-87 by a merchant's choice")
async def test_a_merchant_may_have_both_signatures_on_every_receipt(office: Office):
    await office.receipts.change_settings(ChangeSettings(ANN, Mode.TEST, Form.FULL))
    ours, others = office.till.paid(), office.till.paid(tenant=BOB)
    await office.issue()
    assert (await office.only(ours)).forms == (Form.FULL,)
    assert (await office.only(others, BOB)).forms == (Form.COMPACT,)
    assert (await office.receipts.settings(ANN, Mode.LIVE)).form is Form.COMPACT
    await office.receipts.change_settings(ChangeSettings(ANN, Mode.TEST, Form.COMPACT))
    later = office.till.paid()
    await office.issue()
    assert (await office.only(later)).forms == (Form.COMPACT,)


@pytest.mark.requirement("S000-9", part="the key that signs receipts")
async def test_the_family_with_an_hsm_signs_with_its_rsa_key(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
):
    assert (OF_THE_POC.name, OF_THE_POC.spec) == ("payment-signing-key", KeySpec.RSA3072)
    async with opened_office(database, clock, tmp_path, signing=OF_THE_POC) as office:
        payment = office.till.paid()
        await office.record()
        found = await office.judged((await office.file(await office.only(payment))).text)
        assert (found.code, found.found["signed_with"]) == (0, ["PS256"])


async def test_what_was_signed_cannot_be_changed_by_the_module_itself(office: Office):
    office.till.paid()
    await office.record()
    with psycopg.connect(office.server.module_dsn("receipts"), autocommit=True) as session:
        for statement in (
            "UPDATE receipts.receipt SET outcome = 'declined'",
            "DELETE FROM receipts.receipt",
            "UPDATE receipts.disclosure SET fields = ''",
            "UPDATE receipts.stored_receipt SET outcome = 'declined'",
            "DELETE FROM receipts.stored_receipt",
            "DELETE FROM receipts.event",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement.encode())

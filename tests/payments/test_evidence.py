"""Evidence against disputes, before the providers' emulators: they decide by what it says."""

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.test_emulators import CARDS, PAYING, paid, till_at
from tests.payments.till import MERCHANT, Till
from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.payments.port import (
    Arrival,
    Dispute,
    DisputesOf,
    DisputeState,
    StepNotOffered,
    SubmitEvidence,
)
from bezant.psp.port import ProviderUnavailable

DISPUTED = "4000000000000259"


async def disputed(till: Till, town: Town) -> Dispute:
    """Pay with a card whose payer disputes it, and hear of that by the provider's own event."""
    payment = await till.pay("20.00 EUR", pay_with=PAYING["card"])
    await told(till, town)
    town.pass_time(days=1)
    await told(till, town)
    page = await till.payments.disputes(DisputesOf(MERCHANT, payment.mode, payment.id))
    assert [one.state for one in page.disputes] == [DisputeState.OPENED]
    return page.disputes[0]


async def told(till: Till, town: Town) -> None:
    """Let every event the provider has sent arrive, and be acted on."""
    (provider,) = till.parts.connectors
    town.catch_up()
    letters = list(town.box.letters)
    town.box.letters.clear()
    for letter in letters:
        await till.payments.arrive(Arrival(provider, Mode.TEST, letter.headers, letter.body))
    await till.acted()
    await till.payments.act_on_arrivals()


@pytest.mark.requirement("S004-1", part="disputes")
@pytest.mark.parametrize("provider", CARDS)
@pytest.mark.parametrize("end", ["won", "lost"])
async def test_evidence_sent_from_here_decides_a_dispute_there(
    city: Town, payments_database: TestDatabase, provider: str, end: str
) -> None:
    async with till_at(provider, city, payments_database, DISPUTED) as till:
        dispute = await disputed(till, city)
        said = "winning_evidence" if end == "won" else "losing_evidence"
        answer = SubmitEvidence(
            "evidence-1", MERCHANT, Mode.TEST, dispute.id, {"uncategorized_text": said}
        )
        under_review = await till.payments.submit_evidence(answer)
        assert under_review.state is DisputeState.UNDER_REVIEW
        assert (await till.payments.submit_evidence(answer)).replayed
        await told(till, city)
        city.pass_time(days=1)
        await told(till, city)
        after = await till.payments.dispute(MERCHANT, Mode.TEST, dispute.id)
        assert after.state.value == end
        assert await till.balance("dispute_reserve", MERCHANT) == "0.00"
        assert await till.balance("dispute_receivable", provider) == "0.00"
        kept = "20.00" if end == "won" else "0.00"
        assert await till.balance("merchant_payable", MERCHANT) == kept


@pytest.mark.parametrize("provider", CARDS)
async def test_evidence_whose_answer_was_lost_may_be_sent_again(
    city: Town, payments_database: TestDatabase, provider: str
) -> None:
    async with till_at(provider, city, payments_database, DISPUTED) as till:
        dispute = await disputed(till, city)
        answer = SubmitEvidence(
            "evidence-1", MERCHANT, Mode.TEST, dispute.id, {"uncategorized_text": "it was sent"}
        )
        city.script("drop_after_acting", provider=provider, operation="evidence")
        with pytest.raises(ProviderUnavailable):
            await till.payments.submit_evidence(answer)
        assert (await till.payments.submit_evidence(answer)).state is not DisputeState.OPENED


async def test_a_provider_that_takes_no_evidence_says_so(
    city: Town, payments_database: TestDatabase
) -> None:
    async with till_at("paypal", city, payments_database) as till:
        city.script("dispute", provider="paypal", operation="capture_order", seconds=10)
        payment = await paid(till, "paypal", city)
        city.pass_time(minutes=1)
        await told(till, city)
        page = await till.payments.disputes(DisputesOf(MERCHANT, payment.mode, payment.id))
        (dispute,) = page.disputes
        with pytest.raises(StepNotOffered):
            await till.payments.submit_evidence(
                SubmitEvidence("e-1", MERCHANT, Mode.TEST, dispute.id, {"note": "it was sent"})
            )
        assert (await till.now(payment)).disputed.decimal() == "20.00"

"""One piece of work at a provider: an attempt with all that is needed to do it and to end it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from bezant.exchange import LOCAL, ProviderAnswer, ProviderRequest
from bezant.money import Money
from bezant.payments.attempt import Operation
from bezant.payments.codes import METHODS, Waiting
from bezant.payments.rules import attempt_id
from bezant.payments.told import Facts, Standing
from bezant.psp.port import Charge, Connector, FollowUp, Result, Verdict

SAVED = "pm"
"""What begins the name of something saved, where that stands in place of a card's token."""
EXPIRY = "expiry"
"""Why a void was made that nobody asked for: the authorization's time was over."""


@dataclass(slots=True)
class Work:
    """An attempt, and how its payment stood when it began."""

    attempt: UUID
    facts: Facts
    before: Standing
    operation: Operation
    provider: str
    amount: Money
    sent_at: datetime
    why: str
    card: str = ""
    ends: bool = True
    """No capture follows this one."""
    request: UUID | None = None
    refund: UUID | None = None
    saved: Mapping[str, str] = field(default_factory=dict[str, str])
    email: str = ""
    name: str = ""
    reason: str = ""
    reference: str = ""
    """The provider's name of the charge, as far as it is known."""
    part: str = ""
    fence: int = 0
    asked: int = 0
    """How often the provider was asked what became of it."""
    waiting: Waiting = Waiting.SENT
    sent: str = ""
    """The name of the movement by which somebody has given this refund at the provider's pages."""
    charge: Charge | None = None
    """The charge as the provider was asked for it."""
    answers: bool = True
    """What is learned answers whoever asked for it. An event's word does not: the one who asked
    may be about to hear more.
    """

    @property
    def number(self) -> int:
        """Its number among its payment's attempts."""
        return self.attempt.int & 0xFF

    @property
    def key(self) -> str:
        """The key the provider knows it by."""
        return f"att_{self.attempt.hex}"


def charge_of(work: Work, now: datetime) -> Charge:
    """Return a charge as a connector takes it."""
    facts = work.facts
    details = facts.details
    return Charge(
        attempt=work.key,
        payment=facts.spelled,
        tenant=facts.tenant,
        mode=facts.mode,
        amount=work.amount,
        method=METHODS[work.before.method],
        capture=facts.captures,
        card="" if work.card.startswith(f"{SAVED}_") else work.card,
        saved=work.saved,
        description=details.get("description", ""),
        descriptor=details.get("descriptor", ""),
        customer_email=work.email,
        customer_name=work.name,
        return_url=details.get("return_url", ""),
        now=now,
    )


def follow_up_of(work: Work, now: datetime) -> FollowUp:
    """Return a later step, or a question, as a connector takes it."""
    facts = work.facts
    # Who asks about a charge means that one, and not the one that counts by now.
    charge = 0 if work.operation is Operation.CHARGE else work.before.charge
    return FollowUp(
        attempt=work.key,
        payment=facts.spelled,
        tenant=facts.tenant,
        mode=facts.mode,
        method=METHODS[work.before.method],
        reference=work.reference,
        charge_attempt=f"att_{attempt_id(facts.id, charge or work.number).hex}",
        amount=work.amount,
        charged=Money(int(work.before.authorized), facts.amount.asset) or facts.amount,
        part=work.part,
        last=work.ends,
        reason=work.reason,
        saved=work.saved,
        now=now,
        sent_at=work.sent_at,
    )


def asking(connector: Connector, work: Work, now: datetime) -> ProviderRequest:
    """Build what is said to the provider for this work."""
    match work.operation:
        case Operation.CHARGE:
            work.charge = charge_of(work, now)
            return connector.charge(work.charge)
        case Operation.CAPTURE:
            return connector.capture(follow_up_of(work, now))
        case Operation.VOID:
            return connector.void(follow_up_of(work, now))
        case Operation.REFUND if work.sent:
            return ProviderRequest(
                work.provider, work.facts.mode, "refund", LOCAL, "", key=work.key
            )
        case Operation.REFUND:
            return connector.refund(follow_up_of(work, now))


def answered(connector: Connector, work: Work, answer: ProviderAnswer, now: datetime) -> Verdict:
    """Read what the provider said."""
    match work.operation:
        case Operation.CHARGE:
            return connector.charged(work.charge or charge_of(work, now), answer)
        case Operation.CAPTURE:
            return connector.captured(follow_up_of(work, now), answer)
        case Operation.VOID:
            return connector.voided(follow_up_of(work, now), answer)
        case Operation.REFUND:
            return connector.refunded(follow_up_of(work, now), answer)


def sent(work: Work) -> Verdict:
    """Return what is known of a refund that somebody has sent: nobody else can be asked."""
    return Verdict(Result.REFUNDED, work.reference, work.sent, work.amount)

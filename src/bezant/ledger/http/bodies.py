"""What the fast lane reads and writes: postings, batches of them, and holds."""

from datetime import datetime

import msgspec

from bezant.actor import Actor
from bezant.errors import BezantError, Invalid, SeveralInvalid
from bezant.http.amounts import AmountBody
from bezant.http.fast import FastBody
from bezant.ledger.hold import Hold, PlaceHold
from bezant.ledger.transfer import Leg, Outcome, PostTransfer, Side, Transfer


class LegBody(FastBody, frozen=True):
    """One side of a transfer."""

    account: str
    side: Side
    amount: AmountBody


class TransferBody(FastBody, frozen=True):
    """Money to move: the debits and the credits are equal."""

    legs: list[LegBody]
    reference: str = ""
    reason: str = ""
    occurred_at: datetime | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def command(self, actor: Actor, client_id: str) -> PostTransfer:
        """Return the command a caller gives with this body."""
        return PostTransfer(
            client_id,
            actor.tenant,
            actor.mode,
            self._legs(),
            self.reference,
            self.reason,
            self.occurred_at,
            self.metadata,
        )

    def _legs(self) -> tuple[Leg, ...]:
        try:
            return tuple([Leg(leg.account, leg.side, leg.amount.money()) for leg in self.legs])
        except Invalid:
            for place, leg in enumerate(self.legs):  # Once more, slowly, to say where it was.
                leg.amount.money(f"legs[{place}].amount")
            raise


class BatchItemBody(TransferBody, frozen=True):
    """One transfer of a batch, under an id of its own."""

    id: str = ""
    """Without one, the batch's idempotency key and the item's place are its id."""


class BatchBody(FastBody, frozen=True):
    """Many transfers, each for itself."""

    transfers: list[BatchItemBody]


class HoldBody(FastBody, frozen=True):
    """Money to set aside."""

    account: str
    to: str
    amount: AmountBody
    expires_at: datetime | None = None
    reference: str = ""
    reason: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def command(self, actor: Actor, client_id: str) -> PlaceHold:
        """Return the command a caller gives with this body."""
        return PlaceHold(
            client_id,
            actor.tenant,
            actor.mode,
            self.account,
            self.amount.money(),
            self.to,
            self.expires_at,
            self.reference,
            self.reason,
            self.metadata,
        )


class LegAnswer(msgspec.Struct, frozen=True):
    """One side of a transfer."""

    account: str
    side: Side
    amount: AmountBody


class TransferAnswer(msgspec.Struct, frozen=True):
    """A numbered row of the book."""

    id: str
    kind: str
    mode: str
    asset: str
    legs: list[LegAnswer]
    recorded_at: datetime
    occurred_at: datetime
    reference: str
    reason: str
    metadata: dict[str, str]
    subject: str
    link: str
    object: str = "transfer"

    @classmethod
    def of(cls, transfer: Transfer) -> "TransferAnswer":
        """Write a transfer."""
        return cls(
            transfer.id,
            transfer.kind.value,
            transfer.mode.value,
            transfer.asset,
            [LegAnswer(leg.account, leg.side, AmountBody.of(leg.amount)) for leg in transfer.legs],
            transfer.recorded_at,
            transfer.occurred_at,
            transfer.reference,
            transfer.reason,
            dict(transfer.metadata),
            transfer.subject,
            transfer.link,
        )


class RefusalAnswer(msgspec.Struct, frozen=True):
    """Why one command of a batch was refused."""

    code: str
    detail: str
    facts: dict[str, str]


class OutcomeAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to one command of a batch: a transfer, or the reason why not."""

    transfer: TransferAnswer | None = None
    refusal: RefusalAnswer | None = None
    replayed: bool = False

    @classmethod
    def of(cls, outcome: Outcome) -> "OutcomeAnswer":
        """Write an outcome."""
        if outcome.transfer is not None:
            return cls(TransferAnswer.of(outcome.transfer), None, outcome.transfer.replayed)
        assert outcome.refusal is not None
        why = outcome.refusal
        return cls(None, RefusalAnswer(why.code, why.detail, dict(why.facts)))


class BatchAnswer(msgspec.Struct, frozen=True):
    """One answer for each transfer of a batch, in its order."""

    outcomes: list[OutcomeAnswer]


class HoldAnswer(msgspec.Struct, frozen=True):
    """Money set aside, and what remains of it."""

    id: str
    mode: str
    account: str
    to: str
    amount: AmountBody
    remaining: AmountBody
    state: str
    placed_at: datetime
    expires_at: datetime | None
    reference: str
    metadata: dict[str, str]
    object: str = "hold"

    @classmethod
    def of(cls, hold: Hold) -> "HoldAnswer":
        """Write a hold."""
        return cls(
            hold.id,
            hold.mode.value,
            hold.account,
            hold.to,
            AmountBody.of(hold.amount),
            AmountBody.of(hold.remaining),
            hold.state.value,
            hold.placed_at,
            hold.expires_at,
            hold.reference,
            dict(hold.metadata),
        )


def refused(error: BezantError) -> OutcomeAnswer:
    """Write the refusal of a command that never became one."""
    if isinstance(error, SeveralInvalid):
        error = error.mistakes[0]
    return OutcomeAnswer(None, RefusalAnswer(error.code, error.detail, error.facts))

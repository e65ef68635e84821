"""What may follow what: every state of a payment, refund or dispute, and all that can happen.

Each table is total: a pair of state and event has a next state or is refused. The triggers in the
migrations allow exactly the changes of state that stand here.
"""

from enum import StrEnum
from typing import Final, Generic, TypeVar

from bezant.payments.dispute import DisputeState
from bezant.payments.payment import PaymentState
from bezant.payments.refund import RefundState

State = TypeVar("State", bound=StrEnum)
Happening = TypeVar("Happening", bound=StrEnum)
STAYS: Final = "stays"


class PaymentEvent(StrEnum):
    """What can happen to a payment."""

    CONFIRMED = "confirmed"
    """A charge begins."""
    ACTION_NEEDED = "action_needed"
    PENDING = "pending"
    """The provider has it and has not decided."""
    SILENCE = "silence"
    """The provider was asked something, and nobody can tell what it did."""
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    """All that will be captured was captured."""
    CAPTURED_PART = "captured_part"
    """A part was captured, and more may follow."""
    DECLINED = "declined"
    NOT_REACHED = "not_reached"
    """No provider did anything, for certain."""
    LET_GO = "let_go"
    """What was set aside, or not paid yet, was given up."""
    RUN_OUT = "run_out"
    """Its time was over."""
    STILL_AUTHORIZED = "still_authorized"
    """A capture or void did not happen; all is as it was before it."""
    STILL_PARTLY = "still_partly"
    """Likewise, of a payment that was captured in part."""


class RefundEvent(StrEnum):
    """What can happen to a refund."""

    APPROVED = "approved"
    REJECTED = "rejected"
    SILENCE = "silence"
    PENDING = "pending"
    GIVEN = "given"
    NOT_GIVEN = "not_given"
    CAME_BACK = "came_back"
    """It was given, and the payer's bank did not take it."""


class DisputeEvent(StrEnum):
    """What can happen to a dispute."""

    OPENED = "opened"
    ANSWERED = "answered"
    """Evidence was sent, or the provider says that it looks at it."""
    WON = "won"
    LOST = "lost"


class Table(Generic[State, Happening]):
    """Every pair of a state and an event, read from lines `event: states -> next state`.

    `stays` as the next state means the one it is in. What no line names is refused.
    """

    def __init__(self, states: type[State], events: type[Happening], text: str) -> None:
        self.states = tuple(states)
        self.events = tuple(events)
        self._next: dict[tuple[State, Happening], State | None] = {
            (state, event): None for state in self.states for event in self.events
        }
        for line in text.strip().splitlines():
            event, _, rest = line.strip().partition(":")
            froms, _, to = rest.partition("->")
            for name in froms.split():
                pair = (states(name), events(event))
                assert self._next[pair] is None, f"named twice: {pair}"
                self._next[pair] = states(name if to.strip() == STAYS else to.strip())

    def after(self, state: State, event: Happening) -> State | None:
        """Return what the event makes of the state; nothing if it is refused."""
        return self._next[state, event]

    def changes(self) -> frozenset[tuple[State, State]]:
        """Return every change of state that some event makes."""
        return frozenset(
            (state, found)
            for (state, _), found in self._next.items()
            if found is not None and found is not state
        )


# A charge that was thought dead and is heard of after all is a fact of money: facts win.
PAYMENT: Final = Table(
    PaymentState,
    PaymentEvent,
    """
    confirmed: created declined failed -> processing
    action_needed: processing needs_action unknown -> needs_action
    pending: processing needs_action unknown -> processing
    pending: authorized partly_captured -> stays
    silence: processing authorized partly_captured unknown -> unknown
    silence: needs_action -> stays
    authorized: processing needs_action unknown authorized declined failed -> authorized
    captured: processing needs_action unknown authorized partly_captured succeeded -> succeeded
    captured: declined failed voided expired -> succeeded
    captured_part: unknown authorized partly_captured -> partly_captured
    declined: processing needs_action unknown declined failed -> declined
    not_reached: processing needs_action unknown failed -> failed
    let_go: created processing needs_action unknown authorized declined voided failed -> voided
    let_go: partly_captured -> succeeded
    run_out: created processing needs_action unknown authorized declined expired failed -> expired
    run_out: partly_captured -> succeeded
    still_authorized: unknown authorized -> authorized
    still_partly: unknown partly_captured -> partly_captured
    """,
)
REFUND: Final = Table(
    RefundState,
    RefundEvent,
    """
    approved: needs_approval -> processing
    rejected: needs_approval rejected -> rejected
    silence: processing unknown -> unknown
    pending: processing unknown -> processing
    given: processing unknown succeeded failed -> succeeded
    not_given: processing unknown failed -> failed
    came_back: succeeded failed -> failed
    """,
)
DISPUTE: Final = Table(
    DisputeState,
    DisputeEvent,
    """
    opened: opened under_review -> stays
    answered: opened under_review -> under_review
    won: opened under_review won -> won
    lost: opened under_review lost -> lost
    """,
)

"""States, methods and results as the tables store them: numbers, in the order of their lists."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final, TypeVar

from bezant.exchange import DeclineCode, MethodKind
from bezant.payments.attempt import Operation
from bezant.payments.dispute import DisputeState
from bezant.payments.payment import PaymentState
from bezant.payments.refund import RefundState
from bezant.payments.rule import TermsState

Choice = TypeVar("Choice", bound=StrEnum)


class Ended(StrEnum):
    """How an attempt ended. The order is stored: add at the end only."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"
    DECLINED = "declined"
    NOT_REACHED = "not_reached"
    """No provider did anything, for certain."""
    RUN_OUT = "run_out"
    CAME_BACK = "came_back"
    """A refund that was given, and that the payer's bank did not take."""
    GIVEN_LATE = "given_late"
    """A refund that was given up, and was given after all."""


class Waiting(IntEnum):
    """Why an attempt has not ended."""

    SENT = 1
    WITH_PROVIDER = 2
    UNKNOWN = 3
    UNBOOKED = 4
    """It has ended, and the book has not taken its money yet."""


class Kind(IntEnum):
    """What a step of the timeline tells; the feed names its type after it."""

    CREATED = 1
    PROCESSING = 2
    NEEDS_ACTION = 3
    UNKNOWN = 4
    AUTHORIZED = 5
    CAPTURED = 6
    DECLINED = 7
    VOIDED = 8
    EXPIRED = 9
    FAILED = 10
    RETRIED = 11
    STEP_FAILED = 12
    """A capture or void did not happen."""
    PAYER_FORGOTTEN = 13
    """Whoever keeps something of the payer's elsewhere forgets it, too."""
    CHARGED_BESIDE = 14
    """A charge that has no place in the payment took money from its payer."""
    BESIDE_GIVEN_BACK = 15
    REFUND_CREATED = 21
    REFUND_APPROVED = 22
    REFUND_REJECTED = 23
    REFUND_UNKNOWN = 24
    REFUND_SUCCEEDED = 25
    REFUND_FAILED = 26
    REFUND_CAME_BACK = 27
    DISPUTE_OPENED = 41
    DISPUTE_UNDER_REVIEW = 42
    DISPUTE_WON = 43
    DISPUTE_LOST = 44


def _numbers(choices: type[Choice]) -> Mapping[Choice, int]:
    return {choice: number for number, choice in enumerate(choices, 1)}


def _choices(choices: type[Choice]) -> Mapping[int, Choice]:
    return dict(enumerate(choices, 1))


STATE_NUMBERS: Final = _numbers(PaymentState)
STATES: Final = _choices(PaymentState)
REFUND_STATE_NUMBERS: Final = _numbers(RefundState)
REFUND_STATES: Final = _choices(RefundState)
TERMS_STATE_NUMBERS: Final = _numbers(TermsState)
TERMS_STATES: Final = _choices(TermsState)
DISPUTE_STATE_NUMBERS: Final = _numbers(DisputeState)
DISPUTE_STATES: Final = _choices(DisputeState)
METHOD_NUMBERS: Final = _numbers(MethodKind)
METHODS: Final = _choices(MethodKind)
OPERATION_NUMBERS: Final = _numbers(Operation)
OPERATIONS: Final = _choices(Operation)
ENDED_NUMBERS: Final = _numbers(Ended)
ENDINGS: Final = _choices(Ended)
GIVEN: Final = frozenset({ENDED_NUMBERS[Ended.REFUNDED], ENDED_NUMBERS[Ended.GIVEN_LATE]})
"""How refunds end whose money is with the payer."""
DECLINE_NUMBERS: Final = _numbers(DeclineCode)
DECLINES: Final = _choices(DeclineCode)

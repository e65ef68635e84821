"""What the payments refuse, and why. The door hands these out."""

from bezant.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable


class UnknownPayment(NotFound):
    """There is no such payment."""

    code = "unknown_payment"


class UnknownRefund(NotFound):
    """There is no such refund."""

    code = "unknown_refund"


class UnknownDispute(NotFound):
    """There is no such dispute."""

    code = "unknown_dispute"


class UnknownCustomer(NotFound):
    """There is no such customer."""

    code = "unknown_customer"


class CustomerForgotten(Conflict):
    """This customer was forgotten: nothing new is begun or kept in their name."""

    code = "customer_forgotten"


class UnknownMethod(NotFound):
    """There is no such saved payment method."""

    code = "unknown_method"


class AmountTooSmall(Invalid):
    """A payment, a capture and a refund move more than nothing."""

    code = "amount_too_small"


class LimitExceeded(Refused):
    """The merchant would take more than the platform allows at once, in a day or in a month."""

    code = "limit_exceeded"


class UnknownPriority(Invalid):
    """No rule of fees knows this priority level; leave it out for the ordinary one."""

    code = "unknown_priority"


class MethodMissing(Invalid):
    """Say with what it is paid: a card's token, a saved method, or another kind."""

    code = "method_missing"


class NoProvider(Refused):
    """No provider that is set up here takes such a payment."""

    code = "no_provider"


class NotInThisState(Refused):
    """The payment is in a state in which this cannot be done."""

    code = "not_in_this_state"


class CaptureTooLarge(Refused):
    """Less than that is set aside and not captured yet."""

    code = "capture_too_large"


class RefundTooLarge(Refused):
    """Less than that was captured and not given back yet."""

    code = "refund_too_large"


class StepNotOffered(Refused):
    """The provider of this payment does not offer this step."""

    code = "step_not_offered"


class CountedBefore(Conflict):
    """This movement is counted as a refund already."""

    code = "counted_before"


class TooManyAttempts(Refused):
    """More has been tried with this payment than one payment can take."""

    code = "too_many_attempts"


class MalformedRules(Invalid):
    """These rules of routing or fees contradict themselves."""

    code = "malformed_rules"


class UnknownTermsChange(NotFound):
    """There is no such change of the rules."""

    code = "unknown_terms_change"


class TermsBusy(Conflict):
    """The rules are being changed by somebody else, or too many changes wait already."""

    code = "terms_busy"


class TermsChanged(Conflict):
    """Somebody else changed the rules since you read them: look at them, then change them anew."""

    code = "terms_changed"


class PlatformOnly(Forbidden):
    """This is for the platform's own people."""

    code = "platform_only"


class PaymentBusy(Conflict):
    """Another step of this payment is under way; ask again in a moment."""

    code = "payment_busy"


class KeyInFlight(Conflict):
    """The first request with this key is still being answered; send it again in a moment."""

    code = "key_in_flight"


class KeyReused(Refused):
    """This key was used before for another request."""

    code = "key_reused"


class FileUnfinished(Conflict):
    """Another file with some of these movements was begun and not finished: send that one again."""

    code = "file_unfinished"


class BookRefused(Refused):
    """The book does not take this; see why there, and send it again."""

    code = "book_refused"


class BookUnavailable(Unavailable):
    """The book does not answer right now; the same may be sent again."""

    code = "book_unavailable"


class MerchantsOnly(Refused):
    """Payments belong to a merchant; the platform has none of its own."""

    code = "merchants_only"

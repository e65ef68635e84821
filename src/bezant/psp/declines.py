"""Why issuers say no, in our words, and which of their noes are soft."""

from typing import Final

from bezant.psp.port import DeclineCode

SOFT: Final = frozenset(
    [
        DeclineCode.DO_NOT_HONOR,
        DeclineCode.PROCESSING_ERROR,
        DeclineCode.TRY_AGAIN_LATER,
    ]
)
"""What another provider, or a later moment, may well answer differently."""

# As Stripe spells them (https://docs.stripe.com/declines/codes), and our own acquirer with it.
CODES: Final = {
    "approve_with_id": DeclineCode.TRY_AGAIN_LATER,
    "authentication_not_handled": DeclineCode.AUTHENTICATION_FAILED,
    "authentication_required": DeclineCode.AUTHENTICATION_REQUIRED,
    "bank_account_restricted": DeclineCode.METHOD_NOT_SUPPORTED,
    "bank_account_unusable": DeclineCode.METHOD_NOT_SUPPORTED,
    "call_issuer": DeclineCode.DO_NOT_HONOR,
    "card_declined": DeclineCode.CARD_DECLINED,
    "card_not_supported": DeclineCode.METHOD_NOT_SUPPORTED,
    "card_velocity_exceeded": DeclineCode.LIMIT_EXCEEDED,
    "currency_not_supported": DeclineCode.METHOD_NOT_SUPPORTED,
    "debit_not_authorized": DeclineCode.RETURNED,
    "do_not_honor": DeclineCode.DO_NOT_HONOR,
    "do_not_try_again": DeclineCode.CARD_DECLINED,
    "expired_card": DeclineCode.EXPIRED_CARD,
    "fraudulent": DeclineCode.FRAUD_SUSPECTED,
    "generic_decline": DeclineCode.CARD_DECLINED,
    "incorrect_cvc": DeclineCode.INCORRECT_CVC,
    "incorrect_number": DeclineCode.INCORRECT_NUMBER,
    "insufficient_funds": DeclineCode.INSUFFICIENT_FUNDS,
    "invalid_account": DeclineCode.INCORRECT_NUMBER,
    "invalid_cvc": DeclineCode.INCORRECT_CVC,
    "invalid_expiry_month": DeclineCode.EXPIRED_CARD,
    "invalid_expiry_year": DeclineCode.EXPIRED_CARD,
    "invalid_number": DeclineCode.INCORRECT_NUMBER,
    "issuer_not_available": DeclineCode.TRY_AGAIN_LATER,
    "lost_card": DeclineCode.LOST_OR_STOLEN,
    "merchant_blacklist": DeclineCode.FRAUD_SUSPECTED,
    "no_account": DeclineCode.INCORRECT_NUMBER,
    "not_permitted": DeclineCode.METHOD_NOT_SUPPORTED,
    "payment_intent_authentication_failure": DeclineCode.AUTHENTICATION_FAILED,
    "payment_method_microdeposit_verification_timeout": DeclineCode.AUTHENTICATION_FAILED,
    "pickup_card": DeclineCode.LOST_OR_STOLEN,
    "processing_error": DeclineCode.PROCESSING_ERROR,
    "reenter_transaction": DeclineCode.TRY_AGAIN_LATER,
    "restricted_card": DeclineCode.LOST_OR_STOLEN,
    "stolen_card": DeclineCode.LOST_OR_STOLEN,
    "transaction_not_allowed": DeclineCode.METHOD_NOT_SUPPORTED,
    "try_again_later": DeclineCode.TRY_AGAIN_LATER,
    "withdrawal_count_limit_exceeded": DeclineCode.LIMIT_EXCEEDED,
}

"""How PayPal says no: a name for the family of an error, an issue for the very reason."""

from collections.abc import Mapping
from typing import Final

from bezant.sandbox.emulator import Call, Failure, NotDone
from bezant.sandbox.exchange import Answer

_NAMES: Final = {
    400: (
        "INVALID_REQUEST",
        "Request is not well-formed, syntactically incorrect, or violates schema.",
    ),
    401: (
        "AUTHENTICATION_FAILURE",
        (
            "Authentication failed due to missing authorization header, or invalid authentication "
            "credentials."
        ),
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: (
        "RESOURCE_CONFLICT",
        "The server has detected a conflict while processing this request.",
    ),
    422: (
        "UNPROCESSABLE_ENTITY",
        (
            "The requested action could not be performed, semantically incorrect, or failed "
            "business validation."
        ),
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
}

# By issue: the status it belongs to, and what it says.
_ISSUES: Final[Mapping[str, tuple[int, str]]] = {
    "INVALID_PARAMETER_SYNTAX": (400, "The value of a field does not conform to its format."),
    "INVALID_PARAMETER_VALUE": (400, "The value of a field is invalid."),
    "INVALID_STRING_LENGTH": (400, "The value of a field is either too short or too long."),
    "MALFORMED_REQUEST_JSON": (400, "The request JSON is not well formed."),
    "MISSING_REQUIRED_PARAMETER": (400, "A required field is missing."),
    "NOT_SUPPORTED": (400, "This field is not currently supported."),
    "PAYPAL_REQUEST_ID_REQUIRED": (400, "A payment that is made at once needs a request id."),
    "PERMISSION_DENIED": (403, "You may not perform this operation on this resource."),
    "INVALID_RESOURCE_ID": (404, "Specified resource ID does not exist."),
    "PREVIOUS_REQUEST_IN_PROGRESS": (409, "A previous request is currently in progress."),
    "ACTION_DOES_NOT_MATCH_INTENT": (422, "The order was created with another intent."),
    "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE": (422, "Not possible in this state."),
    "AMOUNT_MISMATCH": (422, "The amount does not equal the sum of its breakdown."),
    "AUTHORIZATION_ALREADY_CAPTURED": (422, "Authorization has previously been captured."),
    "AUTHORIZATION_EXPIRED": (422, "An expired authorization cannot be captured."),
    "AUTHORIZATION_VOIDED": (422, "A voided authorization cannot be captured or reauthorized."),
    "AUTH_CAPTURE_CURRENCY_MISMATCH": (422, "Currency of capture differs from authorization."),
    "AUTH_CURRENCY_MISMATCH": (422, "Currency differs from the original authorization."),
    "CANNOT_BE_VOIDED": (422, "A reauthorization cannot be voided; void its parent."),
    "CANNOT_BE_ZERO_OR_NEGATIVE": (422, "Must be greater than zero."),
    "CAPTURE_FULLY_REFUNDED": (422, "The capture has already been fully refunded."),
    "COMPLIANCE_VIOLATION": (422, "Transaction is declined due to compliance violation."),
    "DECIMALS_NOT_SUPPORTED": (422, "Currency does not support decimals."),
    "DECIMAL_PRECISION": (422, "Only two decimal place precision is supported."),
    "DUPLICATE_INVOICE_ID": (422, "Duplicate Invoice ID detected."),
    "DUPLICATE_REFERENCE_ID": (422, "`reference_id` must be unique."),
    "DUPLICATE_REQUEST_ID": (422, "This PayPal-Request-Id was used for another request."),
    "INSTRUMENT_DECLINED": (422, "The instrument presented was declined by processor or bank."),
    "INVALID_CURRENCY_CODE": (422, "Currency code is invalid or not currently supported."),
    "ITEM_TOTAL_MISMATCH": (422, "Should equal the sum of unit_amount * quantity."),
    "ITEM_TOTAL_REQUIRED": (422, "With items, amount.breakdown.item_total is required."),
    "MAX_CAPTURE_AMOUNT_EXCEEDED": (422, "Capture amount exceeds allowable limit."),
    "MAX_CAPTURE_COUNT_EXCEEDED": (422, "Maximum number of allowable captures was reached."),
    "MULTI_CURRENCY_ORDER": (422, "The entire order must have the same currency_code."),
    "ORDER_ALREADY_AUTHORIZED": (422, "Order already authorized."),
    "ORDER_ALREADY_CAPTURED": (422, "Order already captured."),
    "ORDER_EXPIRED": (422, "Order is expired."),
    "ORDER_NOT_APPROVED": (422, "Payer has not yet approved the Order for payment."),
    "PARTIAL_REFUND_NOT_ALLOWED": (422, "You cannot refund less than the capture amount."),
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": (422, "The payer account cannot be used."),
    "PAYER_ACTION_REQUIRED": (422, "Instruct the buyer to return to PayPal."),
    "PAYER_CANNOT_PAY": (422, "This buyer cannot pay this seller."),
    "PENDING_CAPTURE": (422, "Cannot initiate a refund as the capture is pending."),
    "PREVIOUSLY_CAPTURED": (422, "Authorization has been captured and cannot be voided."),
    "PREVIOUSLY_VOIDED": (422, "Authorization has been voided before."),
    "REAUTHORIZATION_NOT_SUPPORTED": (422, "A reauthorization cannot be reauthorized."),
    "REAUTHORIZATION_TOO_SOON": (422, "Reauthorize after the honor period of three days."),
    "REFUND_AMOUNT_EXCEEDED": (422, "More than what is left of the capture to refund."),
    "REFUND_CAPTURE_CURRENCY_MISMATCH": (422, "Refund must be in the capture's currency."),
    "REFUND_FAILED_INSUFFICIENT_FUNDS": (422, "Insufficient funds to refund the capture."),
    "REFUND_NOT_ALLOWED": (422, "Capture cannot be refunded."),
    "REFUND_TIME_LIMIT_EXCEEDED": (422, "You are over the time limit to refund this capture."),
    "TOKEN_ID_NOT_FOUND": (422, "Specified token was not found."),
    "TRANSACTION_BLOCKED_BY_PAYEE": (422, "Blocked by Payee's Fraud Protection settings."),
    "TRANSACTION_DISPUTED": (422, "There is an open case on this transaction."),
    "TRANSACTION_LIMIT_EXCEEDED": (422, "Total payment amount exceeded transaction limit."),
    "TRANSACTION_REFUSED": (422, "The request was refused."),
}

_FAILURES: Final = {
    Failure.IN_FLIGHT: "PREVIOUS_REQUEST_IN_PROGRESS",
    Failure.OTHER_REQUEST: "DUPLICATE_REQUEST_ID",
    Failure.TOO_LARGE: "INVALID_STRING_LENGTH",
}


def is_issue(issue: str) -> bool:
    """Tell whether PayPal knows this reason."""
    return issue in _ISSUES


def named(call: Call, status: int) -> Answer:
    """Return an error of which only the family is told."""
    name, message = _NAMES[status]
    return Answer.json(status, {"name": name, "message": message, "debug_id": call.request})


def issued(
    call: Call, issue: str, field: str = "", links: tuple[dict[str, str], ...] = ()
) -> Answer:
    """Return an error with its reason."""
    status, description = _ISSUES.get(issue, (422, issue))
    name, message = _NAMES[status]
    detail = {"issue": issue, "description": description}
    if field:
        detail |= {"field": field, "location": "body"}
    information = {
        "href": f"https://developer.paypal.com/api/rest/reference/orders/v2/errors/#{issue}",
        "rel": "information_link",
        "method": "GET",
    }
    told = {
        "name": name,
        "message": message,
        "debug_id": call.request,
        "details": [detail],
        "links": [information, *links],
    }
    return Answer.json(status, told)


def refused(
    call: Call, issue: str, field: str = "", links: tuple[dict[str, str], ...] = ()
) -> NotDone:
    """Return what ends a handler with an error."""
    return NotDone(issued(call, issue, field, links))


def of_failure(call: Call, failure: Failure) -> Answer:
    """Return what PayPal says when a call fails whoever it is for."""
    match failure:
        case Failure.NO_ROUTE:
            return named(call, 404)
        case Failure.RATE_LIMIT:
            return named(call, 429)
        case Failure.SERVER_ERROR:
            return named(call, 500)
        case _:
            return issued(call, _FAILURES[failure])

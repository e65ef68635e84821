"""How Coinbase says no: one way in the business APIs, another one in Commerce."""

from typing import Final

from bezant.sandbox.emulator import Call, Failure, NotDone
from bezant.sandbox.exchange import Answer

COMMERCE_PATHS: Final = ("/charges", "/events")

_FAILURES: Final = {
    Failure.NO_ROUTE: (404, "not_found", "there is nothing at this address"),
    Failure.TOO_LARGE: (413, "invalid_request", "the request is too large"),
    Failure.SERVER_ERROR: (500, "internal_server_error", "An internal server error occurred."),
    Failure.RATE_LIMIT: (429, "rate_limit_exceeded", "Rate limit exceeded. Try again later."),
    Failure.IN_FLIGHT: (409, "idempotency_error", "This key is being worked on."),
    Failure.OTHER_REQUEST: (
        422,
        "idempotency_error",
        "Idempotency key was already used with a different request payload.",
    ),
}


def answer(call: Call, status: int, kind: str, text: str) -> Answer:
    """Return an error in the words of the API that was called."""
    if is_commerce(call):
        return Answer.json(status, {"error": {"type": kind, "message": text}})
    link = f"https://docs.cdp.coinbase.com/api-reference/v2/errors#{kind.replace('_', '-')}"
    told = {
        "errorType": kind,
        "errorMessage": text,
        "correlationId": call.request,
        "errorLink": link,
    }
    return Answer.json(status, told)


def refused(call: Call, text: str, kind: str = "invalid_request", status: int = 400) -> NotDone:
    """Return what ends a handler with an error."""
    return NotDone(answer(call, status, kind, text))


def no_such(call: Call, thing: str) -> NotDone:
    """Return what ends a handler that was asked for something there is not."""
    return refused(call, f"there is no such {thing}", "not_found", 404)


def of_failure(call: Call, failure: Failure) -> Answer:
    """Return what Coinbase says when a call fails whoever it is for."""
    return answer(call, *_FAILURES[failure])


def is_commerce(call: Call) -> bool:
    """Tell whether a call is for Commerce."""
    return call.path.startswith(COMMERCE_PATHS)

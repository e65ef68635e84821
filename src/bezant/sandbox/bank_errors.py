"""How the bank says no where it does not speak ISO 20022: the errors of the Berlin Group's XS2A."""

from typing import Final

from bezant.sandbox.emulator import Failure, NotDone
from bezant.sandbox.exchange import Answer

XML: Final = "application/xml; charset=utf-8"

_FAILURES: Final = {
    Failure.NO_ROUTE: (404, "RESOURCE_UNKNOWN", "there is nothing at this address"),
    Failure.TOO_LARGE: (413, "FORMAT_ERROR", "the request is too large"),
    Failure.SERVER_ERROR: (500, "INTERNAL_SERVER_ERROR", "something went wrong on our side"),
    Failure.RATE_LIMIT: (429, "ACCESS_EXCEEDED", "too many requests in a short time"),
    Failure.IN_FLIGHT: (409, "STATUS_INVALID", "this request is being worked on"),
    Failure.OTHER_REQUEST: (409, "STATUS_INVALID", "this X-Request-ID was used before"),
}


def answer(status: int, code: str, text: str) -> Answer:
    """Return an error."""
    message = {"category": "ERROR", "code": code, "text": text}
    return Answer.json(status, {"tppMessages": [message]})


def refused(status: int, code: str, text: str) -> NotDone:
    """Return what ends a handler with an error."""
    return NotDone(answer(status, code, text))


def no_such(thing: str) -> NotDone:
    """Return what ends a handler that was asked for something there is not."""
    return refused(404, "RESOURCE_UNKNOWN", f"there is no such {thing}")


def of_failure(failure: Failure) -> Answer:
    """Return what the bank says when a call fails whoever it is for."""
    return answer(*_FAILURES[failure])


def xml(status: int, document: bytes) -> Answer:
    """Answer a document of ISO 20022."""
    return Answer(status, document, (("content-type", XML),))

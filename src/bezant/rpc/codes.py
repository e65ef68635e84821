"""Errors on the wire: they travel by code and rise again as the same class.

An error this side does not know rises as its kind and keeps the other side's code. What is no
`BezantError` never leaves a process as it is: the caller learns a trace id, the log learns the
rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bezant.errors import (
    KINDS,
    BezantError,
    Invalid,
    SeveralInvalid,
    TooManyRequests,
    Unavailable,
    every_error,
)

MISTAKES_MAX = 50  # More mistakes than that in one request help nobody, and metadata has a limit.
DETAIL_CHARACTERS_MAX = 500


class Fault(BezantError):
    """Something failed on our side; the trace id finds it in the logs."""

    code = "fault"


class PeerUnavailable(Unavailable):
    """The service that answers this cannot be reached right now."""

    code = "peer_unavailable"


class MessageTooLarge(Invalid):
    """The request or its answer is larger than one message between services may be."""

    code = "message_too_large"


@dataclass(frozen=True, slots=True)
class ErrorTold:
    """An error as one process tells it to another."""

    kind: str
    """One of the seven kinds by its code, or `fault`."""
    code: str
    detail: str
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    field: str | None = None
    retry_after_milliseconds: int | None = None
    mistakes: tuple["ErrorTold", ...] = ()


# The codes of gRPC (grpc/status.h), by number so that a platform in one process loads no gRPC.
_STATUS_OF: Mapping[str, int] = {
    "invalid": 3,  # INVALID_ARGUMENT
    "not_found": 5,  # NOT_FOUND
    "forbidden": 7,  # PERMISSION_DENIED
    "refused": 9,  # FAILED_PRECONDITION
    "conflict": 10,  # ABORTED
    "unavailable": 14,  # UNAVAILABLE
    "unauthenticated": 16,  # UNAUTHENTICATED
}
_RESOURCE_EXHAUSTED = 8
_INTERNAL = 13
_KIND_BY_CODE: Mapping[str, type[BezantError]] = {kind.code: kind for kind in KINDS} | {
    Fault.code: Fault
}


def fault(trace_id: str) -> Fault:
    """Make the error for what is no error of ours: it tells no more than where to look."""
    return Fault(facts={"trace_id": trace_id} if trace_id else None)


def kind_of(error: BezantError) -> str:
    """Name the kind of an error; one of no kind is a fault of ours."""
    return next((kind.code for kind in KINDS if isinstance(error, kind)), Fault.code)


def status_of(error: BezantError) -> int:
    """Return the gRPC status number that other languages and proxies understand."""
    if isinstance(error, TooManyRequests):
        return _RESOURCE_EXHAUSTED
    return _STATUS_OF.get(kind_of(error), _INTERNAL)


def tell(error: BezantError) -> ErrorTold:
    """Put an error into words for another process."""
    mistakes = error.mistakes[:MISTAKES_MAX] if isinstance(error, SeveralInvalid) else ()
    after = error.retry_after_seconds
    return ErrorTold(
        kind=kind_of(error),
        code=error.code,
        detail=error.detail[:DETAIL_CHARACTERS_MAX],
        facts={str(name): str(value) for name, value in error.facts.items()},
        field=error.field,
        retry_after_milliseconds=None if after is None else round(after * 1000),
        mistakes=tuple(tell(mistake) for mistake in mistakes),
    )


def rise(told: ErrorTold) -> BezantError:
    """Make the error that another process told us about."""
    kind = _KIND_BY_CODE.get(told.kind, Fault)
    found = SeveralInvalid if told.mistakes else _class_of(told.code, kind)
    # A subclass may want other arguments than its kind; all of them are made of the same parts.
    error = found.__new__(found)
    after = told.retry_after_milliseconds
    BezantError.__init__(
        error,
        told.detail,
        field=told.field,
        retry_after_seconds=None if after is None else after / 1000,
        facts=told.facts,
    )
    if isinstance(error, SeveralInvalid):
        risen = (rise(mistake) for mistake in told.mistakes)
        error.mistakes = tuple(mistake for mistake in risen if isinstance(mistake, Invalid))
    if error.code != told.code:
        vars(error)["code"] = told.code
    return error


_known: dict[str, type[BezantError]] = {}


def _class_of(code: str, kind: type[BezantError]) -> type[BezantError]:
    """Find the class of a code among those loaded; modules loaded since the last look count too."""
    if code not in _known:
        for error in every_error():
            _known.setdefault(error.code, error)
    found = _known.get(code)
    return found if found is not None and issubclass(found, kind) else kind

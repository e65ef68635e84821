"""Every error as `application/problem+json` (RFC 9457); the table is the error classes themselves.

No member repeats what the caller sent: a card number in a wrong place must not come back, nor
reach a log.
"""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from bezant.errors import (
    BezantError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SeveralInvalid,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE = b"application/problem+json"
DOCUMENTATION_PATH = "/errors"


class Mistake(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request."""

    code: str
    detail: str
    field: str | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, for people (`title`, `detail`) and for programs (`code`)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    doc_url: str
    field: str | None = None
    param: str | None = None
    errors: tuple[Mistake, ...] = ()
    facts: Mapping[str, str] = {}
    trace_id: str | None = None


def plain(problem: Problem) -> Mapping[str, object]:
    """Add nothing: the standard members are enough."""
    del problem
    return {}


class Dialect(msgspec.Struct, frozen=True):
    """How one family of clients wants errors told, beside the standard members."""

    members: Callable[[Problem], Mapping[str, object]] = plain
    statuses: Mapping[str, int] = {}
    """Statuses that differ from ours, by the error's code."""
    challenge: bytes = b'Bearer realm="bezant"'
    """What a caller without a credential that counts is told to bring (RFC 6750, 3)."""


PLAIN = Dialect()


class InternalError(BezantError):
    """Something went wrong on our side; asking again with the same key is safe."""

    code = "internal_error"


class RouteNotFound(NotFound):
    """There is nothing at this address."""

    code = "route_not_found"


class MethodNotAllowed(Invalid):
    """This address does not answer that method."""

    code = "method_not_allowed"
    status = 405


class BodyTooLarge(Invalid):
    """The request's body is larger than this address takes."""

    code = "body_too_large"
    status = 413


class AddressTooLong(Invalid):
    """The request's address is longer than any of ours."""

    code = "address_too_long"
    status = 414


class HeadersTooLarge(Invalid):
    """The request's headers are larger than we read."""

    code = "headers_too_large"
    status = 431


class MediaTypeUnsupported(Invalid):
    """This address does not take bodies of that type."""

    code = "media_type_unsupported"
    status = 415


class RequestTimeout(Invalid):
    """The request took too long to arrive."""

    code = "request_timeout"
    status = 408


class MalformedRequest(Invalid):
    """The request cannot be read."""

    code = "malformed_request"


_BY_STATUS: Mapping[int, type[BezantError]] = {
    400: MalformedRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: RouteNotFound,
    405: MethodNotAllowed,
    408: RequestTimeout,
    409: Conflict,
    413: BodyTooLarge,
    414: AddressTooLong,
    415: MediaTypeUnsupported,
    431: HeadersTooLarge,
    503: Unavailable,
}


def error_of_status(status: int) -> BezantError:
    """Return the error that a bare status stands for, as frameworks raise them."""
    return _BY_STATUS.get(status, Invalid if 400 <= status < 500 else InternalError)()


def problem_of(
    error: BezantError, request_id: str, trace_id: str | None = None, dialect: Dialect = PLAIN
) -> Problem:
    """Tell an error as a problem."""
    link = f"{DOCUMENTATION_PATH}#{error.code}"
    several = error.mistakes if isinstance(error, SeveralInvalid) else ()
    if isinstance(error, Invalid) and error.field is not None and not several:
        several = (error,)
    return Problem(
        type=link,
        title=error.title(),
        status=dialect.statuses.get(error.code, error.status),
        detail=error.detail,
        instance=f"urn:bezant:request:{request_id}",
        code=error.code,
        request_id=request_id,
        doc_url=link,
        field=error.field,
        param=error.field,
        errors=tuple(Mistake(one.code, one.detail, one.field) for one in several),
        facts=error.facts,
        trace_id=trace_id if error.status >= 500 else None,
    )


def _merchant(problem: Problem) -> Mapping[str, object]:
    """Add what merchants' clients read: `error` on 401 and 403, `path` and `msg` on 400."""
    if problem.status in (401, 403):
        return {"error": problem.detail.rstrip(".")}
    if problem.status == 400:
        mistakes = problem.errors or (Mistake(problem.code, problem.detail, problem.field),)
        return {
            "errors": [
                {
                    "path": one.field or "",
                    "msg": one.detail,
                    "code": one.code,
                    "detail": one.detail,
                    **({"field": one.field} if one.field else {}),
                }
                for one in mistakes
            ]
        }
    if problem.status == 429:
        return {"error": "Too many requests from this IP"}
    return {}


DIALECTS: Mapping[str, Dialect] = {
    "plain": PLAIN,
    "merchant": Dialect(_merchant, {"credential_invalid": 403}),
}


def encode(problem: Problem, dialect: Dialect = PLAIN) -> bytes:
    """Write a problem as JSON, with a family's own members joined in."""
    extra = dialect.members(problem)
    if not extra:
        return msgspec.json.encode(problem)
    members = cast("dict[str, object]", msgspec.to_builtins(problem))
    return msgspec.json.encode({**members, **extra})

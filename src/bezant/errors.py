"""The seven kinds of error. A module's error subclasses one kind and carries a stable `code`.

    BezantError
    ├── Invalid           the request itself is wrong; sending it again changes nothing
    ├── Unauthenticated   we do not know who is asking
    ├── Forbidden         we know who is asking, and they may not
    ├── NotFound          there is no such thing, or not for this caller
    ├── Conflict          true a moment ago, no longer: look again, then decide
    ├── Refused           understood and allowed, but a rule of the trade says no
    └── Unavailable       not now; the same request may be sent again

An error never carries a secret or echoes input: `facts` are names and numbers we chose to tell.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar


class BezantError(Exception):
    """Something a caller can understand and act on."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str = "",
        *,
        field: str | None = None,
        retry_after_seconds: float | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = detail or self.title()
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.facts = dict(facts or {})
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """Return the first sentence of the class's docstring: what this error says in general."""
        return (cls.__doc__ or cls.__name__).strip().split("\n")[0]


class Invalid(BezantError):
    """The request is not well formed."""

    code = "invalid"
    status = 400


class Unauthenticated(BezantError):
    """The request carries no credential that we accept."""

    code = "unauthenticated"
    status = 401


class Forbidden(BezantError):
    """The caller may not do this."""

    code = "forbidden"
    status = 403


class NotFound(BezantError):
    """There is no such thing here."""

    code = "not_found"
    status = 404


class Conflict(BezantError):
    """The thing changed, or is being changed, by somebody else."""

    code = "conflict"
    status = 409


class Refused(BezantError):
    """The request is understood, and a rule says no."""

    code = "refused"
    status = 422


class Unavailable(BezantError):
    """This cannot be answered right now; the same request may be sent again."""

    code = "unavailable"
    status = 503


class OutcomeUnknown(Unavailable):
    """We do not know yet whether this happened; asking again with the same key will tell."""

    code = "outcome_unknown"


class TooManyRequests(Unavailable):
    """Too many requests in a short time."""

    code = "too_many_requests"
    status = 429


class SeveralInvalid(Invalid):
    """The request has more than one mistake, all of them named."""

    code = "invalid"

    def __init__(self, mistakes: list[Invalid]) -> None:
        super().__init__(mistakes[0].detail, field=mistakes[0].field)
        self.mistakes = tuple(mistakes)


KINDS: tuple[type[BezantError], ...] = (
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    Refused,
    Unavailable,
)


def every_error(root: type[BezantError] = BezantError) -> Iterator[type[BezantError]]:
    """Yield every loaded error class, parents before children."""
    yield root
    for child in root.__subclasses__():
        yield from every_error(child)

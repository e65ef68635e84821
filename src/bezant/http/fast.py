"""The fast lane: hot POST routes as plain functions over msgspec models.

The recipe, in a module's `http.py`:

    class PostTransferBody(FastBody, frozen=True):
        id: str
        legs: list[LegBody]

    def routes(ledger: Ledger) -> Routes:
        async def post_transfer(request: FastRequest[PostTransferBody]) -> FastAnswer:
            transfer = await ledger.post(command_of(request.actor, request.body))
            return FastAnswer(TransferAnswer.of(transfer), status=201, replayed=transfer.replayed)

        routes = Routes("ledger")
        routes.add_fast(
            FastRoute("POST", "/v1/transfers", "ledger.write", post_transfer,
                      PostTransferBody, TransferAnswer, idempotency=Idempotency.REQUIRED)
        )
        return routes

Before the handler runs, the edge has spent the rate limits, identified the caller, checked the
permission, read the body within its bounds and decoded it. A handler raises `BezantError`s;
anything else becomes a 500 without details.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from bezant.actor import Actor
from bezant.errors import Invalid
from bezant.http.bodies import BODY_BYTES_MAX, check_json
from bezant.http.idempotency import Idempotency
from bezant.http.mistakes import of_msgspec

Body = TypeVar("Body")


class FastBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What request models inherit: a misspelt field is a mistake, not a default."""


class FastRequest(msgspec.Struct, Generic[Body], frozen=True):
    """A request that passed the edge."""

    actor: Actor
    body: Body
    path: Mapping[str, str]
    """The values of the placeholders in the route's path."""
    idempotency_key: str | None
    request_id: str
    address: str = ""
    """Where the client is, as far as our trusted proxies can tell."""


class FastAnswer(msgspec.Struct, frozen=True):
    """What a fast handler answers: a msgspec model, or bytes that are JSON already."""

    body: msgspec.Struct | bytes
    status: int = 200
    replayed: bool = False
    """This answer repeats an earlier one; said in `Idempotent-Replayed`."""
    location: str | None = None


FastHandler = Callable[[FastRequest[Body]], Awaitable[FastAnswer]]


class FastRoute(Generic[Body]):
    """A hot route: where it is, who may call it, what it takes and answers."""

    def __init__(
        self,
        method: str,
        path: str,
        permission: str,
        handler: FastHandler[Body],
        body: type[Body],
        answer: type[msgspec.Struct],
        *,
        idempotency: Idempotency = Idempotency.NONE,
        status: int = 201,
        body_bytes_max: int = BODY_BYTES_MAX,
        summary: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.permission = permission
        self.handler = handler
        self.body = body
        self.answer = answer
        self.idempotency = idempotency
        self.status = status
        self.body_bytes_max = body_bytes_max
        self.summary = summary or (handler.__doc__ or "").strip().split("\n")[0]
        self._decoder = msgspec.json.Decoder(body)

    def decode(self, body: bytes) -> Body:
        """Read a body as this route's model, or raise what is wrong with it in our own words."""
        check_json(body)
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _mistake(error) from error


def _mistake(error: Exception) -> Invalid:
    if isinstance(error, msgspec.MsgspecError):
        return of_msgspec(error)
    return of_msgspec(msgspec.DecodeError())

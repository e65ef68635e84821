"""The vault over HTTP: one route, whose body passes through unread.

The same route stands in the vault's own listener and in a gateway. Neither looks into the body: it
goes to the card door as the bytes that came, and only the vault behind it reads them.
"""

import msgspec

from bezant.http.fast import FastAnswer, FastRequest, FastRoute
from bezant.http.routes import Routes
from bezant.secret import Secret
from bezant.vault.port import BODY_BYTES_MAX, CardDoor, Tokenise
from bezant.vault.reading import CardBody

PERMISSION = "tokens.write"


class PayersBytes(msgspec.Struct, frozen=True):
    """A body nobody looked into."""

    content: Secret[bytes]


class TokenAnswer(msgspec.Struct, frozen=True):
    """A card's token and what may be shown of the card."""

    token: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str


class UnreadRoute(FastRoute[PayersBytes]):
    """A route of the fast lane that does not read its body; it is described as what it carries."""

    def decode(self, body: bytes) -> PayersBytes:
        """Wrap the bytes."""
        return PayersBytes(Secret(body))


def routes(door: CardDoor) -> list[Routes]:
    """Return the vault's route, and its name in the family `poc`."""
    return [
        _at("/v1/payments/tokenize", door, None),
        _at("/api/payment/tokenize", door, "poc"),
    ]


def _at(path: str, door: CardDoor, family: str | None) -> Routes:
    async def tokenize(request: FastRequest[PayersBytes]) -> FastAnswer:
        """Turn a card into a token."""
        face = await door.tokenise(Tokenise(request.actor, request.address, request.body.content))
        return FastAnswer(
            TokenAnswer(
                face.token,
                face.brand,
                face.last4,
                face.exp_month,
                face.exp_year,
                face.fingerprint,
            ),
            status=201,
        )

    made = Routes("vault", family=family)
    route = UnreadRoute(
        "POST", path, PERMISSION, tokenize, PayersBytes, TokenAnswer, body_bytes_max=BODY_BYTES_MAX
    )
    route.body = CardBody  # pyright: ignore[reportAttributeAccessIssue] - for the description
    made.add_fast(route)
    return made

"""An amount as JSON: `{"amount": "19.99", "asset": "EUR"}`, a decimal text in major units.

A JSON number is refused: it has been a float somewhere on its way, and may have lost a cent
there. `AmountBody` is for msgspec models (the fast lane), `JsonMoney` for pydantic models (the
ordinary lane); both write what they read.
"""

from collections.abc import Mapping
from typing import Annotated, LiteralString, cast

import msgspec
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from bezant.errors import BezantError
from bezant.money import DIGITS_MAX, EXPONENT_MAX, MalformedAmount, Money

_CHARACTERS_MAX = DIGITS_MAX + EXPONENT_MAX + 2
_MEMBERS = frozenset({"amount", "asset"})


class AmountBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in a model of the fast lane."""

    amount: str
    asset: str

    def money(self, field: str = "amount") -> Money:
        """Return the amount; `field` names the place of this object in the request."""
        return Money.parse(self.amount, self.asset, field)

    @classmethod
    def of(cls, money: Money) -> "AmountBody":
        """Write an amount."""
        return cls(money.decimal(), money.asset.code)


def _read(value: object) -> Money:
    if isinstance(value, Money):
        return value
    try:
        if not isinstance(value, Mapping):
            raise MalformedAmount('an amount looks like {"amount": "19.99", "asset": "EUR"}')
        members = cast("Mapping[str, object]", value)
        if len(members) != len(_MEMBERS) or not _MEMBERS.issuperset(members):
            raise MalformedAmount('an amount looks like {"amount": "19.99", "asset": "EUR"}')
        asset = members["asset"]
        return Money.parse(members["amount"], asset if isinstance(asset, str) else "")
    except BezantError as wrong:
        raise PydanticCustomError(
            cast("LiteralString", wrong.code), "{detail}", {"detail": wrong.detail}
        ) from None


def _write(money: Money) -> dict[str, str]:
    return {"amount": money.decimal(), "asset": money.asset.code}


JsonMoney = Annotated[
    Money,
    PlainValidator(_read),
    PlainSerializer(_write),
    WithJsonSchema(
        {
            "type": "object",
            "title": "Amount",
            "description": "A decimal in major units, in quotes.",
            "properties": {
                "amount": {"type": "string", "maxLength": _CHARACTERS_MAX, "examples": ["19.99"]},
                "asset": {"type": "string", "examples": ["EUR"]},
            },
            "required": ["amount", "asset"],
            "additionalProperties": False,
        }
    ),
]

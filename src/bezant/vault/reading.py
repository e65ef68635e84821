"""Reading a payer's bytes. Whatever is wrong with them, no error carries any of them along."""

from dataclasses import dataclass
from typing import Final

import msgspec

from bezant.errors import BezantError
from bezant.http.bodies import check_json
from bezant.http.fast import FastBody
from bezant.http.mistakes import of_msgspec
from bezant.http.problems import BodyTooLarge
from bezant.secret import Secret
from bezant.vault.port import BODY_BYTES_MAX


class CardBody(FastBody, frozen=True):
    """A card as a payer types it in."""

    number: str
    exp_month: int | str
    exp_year: int | str
    cvc: str = ""
    checkout_session: str = ""
    """The checkout session this card is for (`cs_…`): no other one takes its token."""


@dataclass(frozen=True, slots=True)
class AskedCard:
    """What a payer typed in, before anybody looked at its meaning."""

    number: Secret[str]
    exp_month: int | str
    exp_year: int | str
    cvc: Secret[str]
    checkout_session: str


_decode: Final = msgspec.json.Decoder(CardBody).decode


def read_card(body: Secret[bytes]) -> AskedCard:
    """Return the card in a body, or raise what is wrong in our own words."""
    told = _decoded(body.reveal())
    if isinstance(told, BezantError):
        # Out here: the decoder's own error, which knows the whole text, is no part of ours.
        raise told
    return AskedCard(
        Secret(told.number),
        told.exp_month,
        told.exp_year,
        Secret(told.cvc),
        told.checkout_session,
    )


def _decoded(body: bytes) -> CardBody | BezantError:
    if len(body) > BODY_BYTES_MAX:
        return BodyTooLarge(f"a body here has at most {BODY_BYTES_MAX} bytes")
    try:
        check_json(body)
        return _decode(body)
    except BezantError as mistake:
        return type(mistake)(mistake.detail, field=mistake.field)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as mistake:
        if not isinstance(mistake, msgspec.MsgspecError):
            mistake = msgspec.DecodeError()
        return of_msgspec(mistake)

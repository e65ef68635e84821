"""Putting card data into a request at the last moment, and taking it out of what comes back. Pure.

A connector writes `{card.number}` and the like into a body; urlencoding makes `%7Bcard.number%7D`
of it, which means the same. In JSON a placeholder stands in quotes. Months have two digits, years
four. A field whose whole value is `{card.cvc}` is left out when there is no code any more: a member
in JSON, a parameter in a form, an element in XML.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from typing import Final

from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest
from bezant.secret import Secret
from bezant.vault.port import MisplacedPlaceholder

MASK: Final = b"*"
_PLACE: Final = re.compile(rb"(?:\{|%7[Bb])card\.(number|exp_month|exp_year|cvc)(?:\}|%7[Dd])")
_CODE: Final = rb"(?:\{|%7[Bb])card\.cvc(?:\}|%7[Dd])"
_NAME: Final = rb'"(?:[^"\\]|\\.)*"'
_WITHOUT_CODE: Final = {
    # A member and one of the commas beside it.
    Encoding.JSON: re.compile(
        rb"\s*,\s*" + _NAME + rb'\s*:\s*"' + _CODE + rb'"|'
        + _NAME + rb'\s*:\s*"' + _CODE + rb'"(?:\s*,\s*)?'
    ),
    Encoding.FORM: re.compile(
        rb"&[^&=]*=" + _CODE + rb"(?=&|\Z)|\A[^&=]*=" + _CODE + rb"(?:&|\Z)"
    ),
    Encoding.XML: re.compile(rb"\s*<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>" + _CODE + rb"</\1\s*>"),
}  # fmt: skip
_CODE_AS_WE_WRITE_IT: Final = b',"cvc":"{card.cvc}"'
"""The same member without a search: inside a text of a JSON document its quotes are escaped."""
_DECIMALS: Final = tuple(b"%d" % byte for byte in range(256))
_NO_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789"))
_SEPARATOR: Final = re.compile(
    rb"(?i)%(?:20|2d|2e|09|c2%a0)|\\u00(?:20|2d|a0)|&#(?:32|45|160|x20|x2d|xa0);"
)
_NAMED_CODE: Final = re.compile(
    rb"(?i)((?:cvc|cvv|cvn|csc|cav|cid|security_?code|card_?code|verification_?value)2?"
    rb"[^0-9A-Za-z]{1,6})([0-9]{3,4})(?![0-9])"
)


@dataclass(frozen=True, slots=True)
class CardData:
    """What fills the placeholders."""

    number: Secret[str]
    exp_month: int
    exp_year: int


def wants_code(request: ProviderRequest) -> bool:
    """Tell whether a request has a place for a card's code."""
    return b"card.cvc" in request.body


def refuse_placeholders(request: ProviderRequest) -> None:
    """Refuse card data in an address or a header, which others write down, or without a card."""
    places = (request.path, *(text for pair in request.headers for text in pair))
    body = b"" if request.card else request.body
    if any("card." in place and _PLACE.search(place.encode()) for place in places) or (
        b"card." in body and _PLACE.search(body)
    ):
        raise MisplacedPlaceholder


def filled(request: ProviderRequest, card: CardData, code: bytearray | None) -> ProviderRequest:
    """Return the request with the card's data in it."""
    body = request.body
    if code is None and b"card.cvc" in body:
        if request.encoding is Encoding.JSON:
            body = body.replace(_CODE_AS_WE_WRITE_IT, b"")
        if b"card.cvc" in body and request.encoding in _WITHOUT_CODE:
            body = _WITHOUT_CODE[request.encoding].sub(b"", body)
        if b"card.cvc" in body:
            raise MisplacedPlaceholder("a card's code is the whole value of a field of its own")
    number = card.number.reveal()
    # Nothing but digits: they mean themselves in JSON, in forms and in XML.
    assert number.isascii() and number.isdigit(), "a card number has digits only"  # noqa: PT018
    values = {
        b"number": number.encode(),
        b"exp_month": b"%02d" % card.exp_month,
        b"exp_year": b"%04d" % card.exp_year,
        b"cvc": bytes(code or b""),
    }
    return ProviderRequest(
        request.provider, request.mode, request.operation, request.method, request.path,
        request.headers, _PLACE.sub(lambda place: values[place[1]], body), request.encoding,
        request.key, request.tenant, "", request.deadline_seconds,
    )  # fmt: skip


def cleaned(answer: ProviderAnswer, number: Secret[str], code: bytearray | None) -> ProviderAnswer:
    """Return the answer without the card's number and code, should a provider repeat them."""
    forms = Forms(number)
    headers = answer.headers
    told = "\n".join([text for pair in headers for text in pair]).encode()
    if not forms.are_in(b"\n".join((told, answer.body))) and code is None:
        return answer
    body = _without_code(forms.masked(answer.body), code)
    if forms.are_in(told):
        headers = tuple(
            (name, forms.masked(value.encode()).decode("utf-8", "replace"))
            for name, value in headers
            if not forms.are_in(name.encode())
        )
    if body is answer.body and headers is answer.headers:
        return answer
    # A hash of a text with a card number in it could be tried out number by number.
    digest = answer.digest if body is answer.body else hashlib.sha256(body).hexdigest()
    return replace(answer, body=body, headers=headers, digest=digest)


class Forms:
    """The ways a number can be written so that it can be read back."""

    __slots__ = ("_base64", "_digits")

    def __init__(self, number: Secret[str]) -> None:
        card = number.reveal().encode()
        # As it is, in hex or percent-encoded, as \\uNNNN, and as &#NN; (all but digits left out).
        self._digits = (
            card,
            card.hex().encode(),
            b"00" + card.hex("u").encode().replace(b"u", b"00"),
            b"".join([_DECIMALS[digit] for digit in card]),
        )
        self._base64 = tuple(_base64_form(card, shift) for shift in range(3))

    def are_in(self, text: bytes) -> bool:
        """Tell whether the number can be read in a text, however it is spaced or grouped."""
        return any(form in text for form in self._base64) or any(
            form in digits
            for digits in [view.translate(None, _NO_DIGITS) for view in _views(text)]
            for form in self._digits
        )

    def masked(self, text: bytes) -> bytes:
        """Return the text with the number masked; the same object if it is not in there."""
        if not self.are_in(text):
            return text
        for form in self._base64:
            text = text.replace(form, MASK * len(form))
        masked = bytearray(text)
        for view in _views(text):
            places = [place for place, byte in enumerate(view) if 0x30 <= byte <= 0x39]
            digits = bytes(view[place] for place in places)
            for form in self._digits:
                at = digits.find(form)
                while at >= 0:
                    for place in places[at : at + len(form)]:
                        masked[place : place + 1] = MASK
                    at = digits.find(form, at + 1)
        return bytes(masked)


def _views(text: bytes) -> tuple[bytes, ...]:
    """Return the text, and once more without the digits that only spell a space or a dash."""
    if _SEPARATOR.search(text) is None:
        return (text,)
    return text, _SEPARATOR.sub(lambda found: b"." * len(found[0]), text)


def _base64_form(card: bytes, shift: int) -> bytes:
    """Return what the number looks like inside base64 when it begins so far into a group."""
    whole = base64.b64encode(bytes(shift) + card)
    # The first group is mixed with what is before, the last with what follows.
    return whole[4 if shift else 0 : (shift + len(card)) // 3 * 4]


def _without_code(text: bytes, code: bytearray | None) -> bytes:
    if code is None or bytes(code) not in text:
        return text
    return _NAMED_CODE.sub(lambda found: found[1] + MASK * len(found[2]), text)

"""Writing request bodies in which card data is a placeholder and nothing else can look like one.

A description that reads `{card.number}`, or the same percent-encoded, must never be filled by the
vault: it would be shown to whoever wrote it. So our own texts spell such words in another way that
means the same. The placeholders themselves stand last.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

Form = Iterable[tuple[str, str]]
# A brace of the JSON itself is followed by `"` or `}`, so these are always inside a text.
_IN_JSON: Final = re.compile(r"(\{|%7[Bb])(?=card\.)")
_IN_FORM: Final = re.compile(r"%7Bcard\.", re.IGNORECASE)


def form(fields: Form, card_below: str = "") -> bytes:
    """Write a form; with `card_below`, the card's fields follow under that name."""
    pairs = [f"{_name(name)}={_value(value)}" for name, value in fields if value]
    if card_below:
        below = _name(card_below)
        pairs += [
            f"{below}[number]={{card.number}}",
            f"{below}[exp_month]={{card.exp_month}}",
            f"{below}[exp_year]={{card.exp_year}}",
            f"{below}[cvc]={{card.cvc}}",
        ]
    return "&".join(pairs).encode()


def document(fields: Mapping[str, object], *, card: bool = False) -> bytes:
    """Write a JSON object; with `card`, the card's data follows under `card`."""
    text = msgspec.json.encode(fields).decode()
    text = _IN_JSON.sub(lambda found: f"\\u{ord(found[0][0]):04x}{found[0][1:]}", text)
    if card:
        text = (
            f'{text[:-1]},"card":{{"number":"{{card.number}}","exp_month":"{{card.exp_month}}",'
            '"exp_year":"{card.exp_year}","cvc":"{card.cvc}"}}'
        )
    return text.encode()


def query(fields: Form) -> str:
    """Write a query, with its question mark."""
    return "?" + "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields
    )


def segment(text: str) -> str:
    """Write one part of a path."""
    return quote(text, safe="")


def _value(text: str) -> str:
    return _IN_FORM.sub("%7B%63ard.", quote(text, safe=""))


def _name(name: str) -> str:
    return quote(name, safe="[]")

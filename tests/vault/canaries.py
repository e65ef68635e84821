"""Marked cards, and a search for them in whatever form somebody may have written them down."""

import base64
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql
from tests.vault.test_cards import check_digit

SEED = 20261120
HOW_MANY = 50
BEGINNING = "34749173"
"""How every marked number begins: large places are searched for this first."""


@dataclass(frozen=True)
class Canary:
    """A card nobody has, so that wherever its number turns up, it came from here."""

    number: str
    code: str

    @property
    def forms(self) -> tuple[bytes, ...]:
        """The ways the number may be written down."""
        return written(self.number)


def written(digits: str) -> tuple[bytes, ...]:
    """Return digits plain, in groups, in hex, and as they look inside base64."""
    spaced = " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
    plain = digits.encode()
    encoded = [base64.b64encode(bytes(shift) + plain) for shift in range(3)]
    return (
        plain,
        spaced.encode(),
        *(spaced.replace(" ", other).encode() for other in ("-", "%20", "+")),
        plain.hex().encode(),
        *(
            text[4 if shift else 0 : (shift + len(plain)) // 3 * 4]
            for shift, text in enumerate(encoded)
        ),
    )


MARKS = written(BEGINNING)


def canaries(seed: int = SEED) -> list[Canary]:
    """Return the marked cards: American Express, whose codes have four digits to be found by."""
    chance = random.Random(seed)
    made: dict[str, Canary] = {}
    while len(made) < HOW_MANY:
        number = check_digit(BEGINNING + "".join(chance.choices("0123456789", k=6)))
        made[number] = Canary(number, f"{chance.randint(1_000, 9_999)}")
    return list(made.values())


def found_in(text: bytes, marked: Iterable[Canary]) -> list[str]:
    """Return the last digits of every marked card a text shows."""
    if not any(mark in text for mark in MARKS):
        return []
    return [one.number[-4:] for one in marked if any(form in text for form in one.forms)]


def codes_in(text: bytes, marked: Iterable[Canary]) -> list[str]:
    """Return every marked code that stands in a text beside a word for codes."""
    named = re.compile(rb"(?i)(?:cvc|cvv|csc|code)\W{1,6}([0-9]{4})(?![0-9])")
    standing = {match[1].decode() for match in named.finditer(text)}
    return sorted(standing & {one.code for one in marked})


def everything_in(address: str) -> Iterator[tuple[str, bytes]]:
    """Yield every row of every table of a database as text, binary columns also as they are."""
    with psycopg.connect(address) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            " AND table_type = 'BASE TABLE'"
        ).fetchall()
        for schema, table in tables:
            asked = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, table))
            for (row,) in connection.execute(asked):
                yield f"{schema}.{table}", row.encode() + b"\n" + _binary(row)


def _binary(row: str) -> bytes:
    return b"\n".join(bytes.fromhex(found) for found in re.findall(r"\\\\x((?:[0-9a-f]{2})+)", row))

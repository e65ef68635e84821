"""The verifier's encoder gives the bytes that were written by hand."""

from datetime import datetime
from typing import Any

from tests.verify import vectors as v

from bezant_verify import encoding, rows
from bezant_verify.ledger import Check, digest


def since_2000(fields: tuple[object, ...]) -> list[Any]:
    """Return a row's fields with its instants as the chain counts them."""
    return [
        encoding.microseconds(field) if isinstance(field, datetime) else field for field in fields
    ]


def test_numbers_are_written_as_a_numeric_is_sent():
    for number, written in v.NUMERICS.items():
        assert encoding.numeric(number) == v.hexed(written), number


def test_every_row_gives_the_bytes_written_by_hand():
    for kind, written in (
        (rows.Account, v.ACCOUNTS), (rows.Transfer, v.TRANSFERS), (rows.Entry, v.ENTRIES),
        (rows.Hold, v.HOLDS), (rows.Step, v.STEPS),
    ):  # fmt: skip
        for fields, expected in written.items():
            row = kind(*since_2000(fields))
            assert row.encoded() == expected, row


def test_a_book_begins_with_the_hash_computed_by_hand():
    title = rows.Title(*since_2000(v.TITLE))
    assert title.genesis().hex() == v.GENESIS


def test_a_batch_has_the_hash_computed_by_hand():
    title = rows.Title(*since_2000(v.TITLE))
    batch = rows.Batch(
        1, 1, v.ADA, v.ADA, encoding.microseconds(v.AT), bytes.fromhex(v.BATCH_HASH),
        [rows.Transfer(*v.OPENING)], [rows.Entry(*v.FIRST)],
        [rows.Account(*next(iter(v.ACCOUNTS)))], [], [], title,
    )  # fmt: skip
    assert digest(title.genesis(), batch).hex() == v.BATCH_HASH
    check = Check()
    check.take(batch)
    check.finish()
    assert check.books[1].hash.hex() == v.BATCH_HASH

"""What goes into the book: two calls, one for many postings, one for anything else.

Arrays travel as PostgreSQL's array text: one join each, where the driver would convert element by
element.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString, TypeVar

from bezant.db.database import Line, Tx
from bezant.db.faults import RETRY_AFTER_SECONDS, ConstraintViolated, TransactionUndone
from bezant.ledger.posting import Answer, Denied, Posting, Record, Seen, Written

Outcome = Written | Seen | Denied
Row = TypeVar("Row")

_POST_BATCH: Final = """
SELECT first, recorded_at, answers, accounts, available
FROM ledger.post_batch(
    %s, %s, %s::smallint[], %s::uuid[], %s::bigint[], %s::integer[], %s::integer[], %s::bigint[],
    %s::timestamptz[], %s::uuid[], %s::text[], %s::text[], %s::jsonb[], %s::bigint[], %s::integer[],
    %s::numeric[]
)
"""
_RECORD: Final = """
SELECT id, recorded_at, answer, account, available
FROM ledger.record(
    %s, %s, %s::smallint, %s::uuid, %s, %s::bigint, %s::text, %s::text, %s::jsonb, %s::bigint[],
    %s::numeric[],
    %s::numeric, %s, %s::uuid, %s::smallint, %s::text, %s::text, %s::smallint, %s::numeric, %s,
    %s::bigint,
    %s::timestamptz
)
"""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What `ledger.post_batch` answers."""

    first: int
    recorded_at: datetime
    answers: tuple[int, ...]
    accounts: tuple[int | None, ...] | None
    available: tuple[Decimal | None, ...] | None


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What `ledger.record` answers."""

    id: int
    recorded_at: datetime
    answer: int
    account: int | None
    available: Decimal | None


@dataclass(frozen=True, slots=True)
class SeenRow:
    """A transfer found by the hash of its client's id."""

    idem: str
    id: int
    request: int


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A refusal found by the hash of its client's id."""

    idem: str
    request: int
    code: int
    account: int | None
    available: Decimal | None


async def post_batch(
    via: Line | Tx, book: int, at: datetime, postings: Sequence[Posting]
) -> list[Outcome]:
    """Write what the book accepts of these postings, in one commit; one answer each."""
    row = await _written(via, BatchRow, _POST_BATCH, _batch_parameters(book, at, postings))
    number = row.first
    outcomes: list[Outcome] = []
    for place, answer in enumerate(row.answers):
        if answer == Answer.ACCEPTED:
            outcomes.append(Written(number, row.recorded_at))
            number += 1
        else:
            outcomes.append(_denied(row, place, Answer(answer), postings[place].request))
    return outcomes


async def _written(
    via: Line | Tx, row_class: type[Row], statement: LiteralString, parameters: Sequence[object]
) -> Row:
    try:
        if isinstance(via, Line):
            return (await via.call(row_class, statement, parameters))[0]
        rows = await via.fetch_all(row_class, statement, parameters)
    except ConstraintViolated as broken:
        if broken.constraint != "transfer_idem":
            raise
        # Another book took one of these ids in the same moment: the next look will see it.
        raise TransactionUndone(retry_after_seconds=RETRY_AFTER_SECONDS) from None
    return rows[0]


def _denied(row: BatchRow, place: int, answer: Answer, request: int) -> Denied:
    # The arrays reach only as far as their last element that was set.
    accounts, available = row.accounts or (), row.available or ()
    amount = available[place] if place < len(available) else None
    return Denied(
        answer=answer,
        request=request,
        account=accounts[place] if place < len(accounts) else None,
        available=None if amount is None else int(amount),
    )


def _batch_parameters(book: int, at: datetime, postings: Sequence[Posting]) -> list[object]:
    distinct = sorted({account for posting in postings for account in posting.accounts})
    places = {account: place for place, account in enumerate(distinct, 1)}
    starts: list[int] = []
    start = 1
    for posting in postings:
        starts.append(start)
        start += len(posting.accounts)
    return [
        book,
        at,
        numbers(posting.kind.value for posting in postings),
        numbers(posting.idem for posting in postings),
        numbers(posting.request for posting in postings),
        numbers(starts),
        numbers(len(posting.accounts) for posting in postings),
        numbers(posting.subject for posting in postings),
        texts(_instant(posting.occurred_at) for posting in postings),
        numbers(posting.link for posting in postings),
        texts(posting.reference for posting in postings),
        texts(posting.reason for posting in postings),
        texts(posting.metadata for posting in postings),
        numbers(distinct),
        numbers(places[account] for posting in postings for account in posting.accounts),
        numbers(amount for posting in postings for amount in posting.amounts),
    ]


async def record(via: Line | Tx, at: datetime, command: Record) -> tuple[Outcome, RecordRow]:
    """Write one command of another kind, if the book accepts it."""
    parameters = [
        command.book, at, command.kind.value, command.idem, command.request, command.subject,
        command.reference, command.reason, command.metadata, numbers(command.accounts),
        numbers(command.amounts), command.held, command.takes_all, command.tenant, command.type,
        command.owner, command.chart, command.state, command.floor, command.unlimited,
        command.payee, command.expires_at,
    ]  # fmt: skip
    row = await _written(via, RecordRow, _RECORD, parameters)
    answer = Answer(row.answer)
    if answer == Answer.ACCEPTED:
        return Written(row.id, row.recorded_at), row
    available = None if row.available is None else int(row.available)
    return Denied(answer, command.request, row.account, available), row


async def known(via: Line | Tx, idems: Sequence[str]) -> dict[str, Seen | Denied]:
    """Find what became of commands by the hash of their clients' ids."""
    found: dict[str, Seen | Denied] = {}
    wanted = [numbers(idems)]
    seen = """
        SELECT replace(idem::text, '-', '') AS idem, id, request
        FROM ledger.transfer
        WHERE idem = ANY(%s::uuid[])
    """
    refused = """
        SELECT replace(idem::text, '-', '') AS idem, request, code, account, available
        FROM ledger.refusal
        WHERE idem = ANY(%s::uuid[])
    """
    if isinstance(via, Line):
        transfers = await via.call(SeenRow, seen, wanted)
        refusals = await via.call(RefusalRow, refused, wanted)
    else:
        transfers = await via.fetch_all(SeenRow, seen, wanted)
        refusals = await via.fetch_all(RefusalRow, refused, wanted)
    for row in refusals:
        available = None if row.available is None else int(row.available)
        found[row.idem] = Denied(Answer(row.code), row.request, row.account, available)
    for row in transfers:
        found[row.idem] = Seen(row.id, row.request)
    return found


async def refuse(
    tx: Tx, book: int, at: datetime, requests: Mapping[str, int], denied: Denied
) -> None:
    """Remember a refusal whose own transaction was rolled back."""
    await tx.execute(
        """
        SELECT ledger.refuse(
            %s, %s::uuid[], %s::bigint[], %s::smallint, %s::bigint, %s::numeric, %s
        )
        """,
        (
            book, numbers(requests), numbers(requests.values()), denied.answer.value,
            denied.account, denied.available, at,
        ),
    )  # fmt: skip


async def open_book(tx: Tx, asset: str, exponent: int, mode: str, group: str, at: datetime) -> int:
    """Return the number of a book, opening it on first use."""
    return await tx.fetch_value(
        "SELECT ledger.open_book(%s, %s::smallint, %s, %s, %s)", (asset, exponent, mode, group, at)
    )


async def forget_refusals(tx: Tx, before: datetime) -> int:
    """Drop refusals that are older than any key we honour."""
    return await tx.fetch_value("SELECT ledger.forget_refusals(%s)", (before,))


def numbers(values: Iterable[object]) -> str:
    """Write an array of numbers or uuids."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Iterable[str | None]) -> str:
    """Write an array of texts."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()

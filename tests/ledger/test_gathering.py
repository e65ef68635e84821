"""How transfers that come together are gathered into batches of the book."""

import asyncio

from tests.ledger.shelf import Shelf

from bezant.actor import Mode
from bezant.ledger import BATCH_MAX, Outcome
from bezant.ledger.books import POSTINGS_GATHERED


async def newest_batch(shelf: Shelf, asset: str) -> int:
    heads = await shelf.ledger.ledgers(Mode.TEST)
    return next(head.batches for head in heads if head.asset == asset)


def told(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [one.refusal.code if one.refusal else "ok" for one in outcomes]


async def test_one_caller_s_batch_is_written_while_the_other_prepares(shelf: Shelf):
    """Were both in one, they would wait for the database together, and then it for them."""
    a, b = await shelf.funded("100.00"), await shelf.open()
    await shelf.ledger.post(shelf.moving(a, b, "0.01"))  # From now on the accounts are known.
    before = await newest_batch(shelf, "EUR")

    async def caller() -> None:
        commands = [shelf.moving(a, b, "0.01") for _ in range(POSTINGS_GATHERED)]
        assert told(await shelf.ledger.post_batch(tuple(commands))) == ["ok"] * len(commands)

    await asyncio.gather(caller(), caller())
    assert await newest_batch(shelf, "EUR") - before == 2
    await asyncio.gather(*[shelf.ledger.post(shelf.moving(a, b, "0.01")) for _ in range(100)])
    assert await newest_batch(shelf, "EUR") - before <= 4, "and lone transfers share theirs"


async def test_what_one_caller_sends_is_kept_together_and_decided_in_its_order(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    before = await newest_batch(shelf, "EUR")
    commands = [shelf.moving(a, b, "0.01") for _ in range(500)]
    assert told(await shelf.ledger.post_batch(tuple(commands))) == ["ok"] * 500
    assert await newest_batch(shelf, "EUR") - before == 1
    # Each needs what the one before it brought, across the places where the batches are cut.
    back_and_forth = [shelf.moving(b, a, "5.00"), shelf.moving(a, b, "10.00")]
    back_and_forth += [
        shelf.moving(b, a, "10.00") if number % 2 else shelf.moving(a, b, "10.00")
        for number in range(1, BATCH_MAX - 1)
    ]
    assert told(await shelf.ledger.post_batch(tuple(back_and_forth))) == ["ok"] * BATCH_MAX
    assert await newest_batch(shelf, "EUR") - before == 3


async def test_a_request_to_several_books_has_each_answer_in_its_place(shelf: Shelf):
    euros = await shelf.funded("1.00"), await shelf.open()
    dollars = await shelf.funded("2.00", "USD"), await shelf.open("USD")
    commands = [shelf.moving(*(dollars if number % 3 else euros), "0.40") for number in range(12)]
    outcomes = await shelf.ledger.post_batch(tuple(commands))
    refused = {6, 8, 9, 10, 11}
    assert told(outcomes) == [
        "insufficient_funds" if number in refused else "ok" for number in range(12)
    ]
    for number, one in enumerate(outcomes):
        assert one.transfer is None or one.transfer.asset == ("USD" if number % 3 else "EUR")

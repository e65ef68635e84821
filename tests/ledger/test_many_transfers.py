"""Batches, linked transfers, rehearsals and reversals."""

import asyncio

import pytest
from tests.ledger.shelf import MERCHANT, Shelf

from bezant.actor import PLATFORM, Mode
from bezant.ledger import (
    BATCH_MAX,
    AccountState,
    AlreadyReversed,
    BatchTooLarge,
    ChangeAccount,
    InsufficientFunds,
    Leg,
    NotReversible,
    PostLinked,
    PostTransfer,
    ReverseTransfer,
    Side,
)
from bezant.money import EUR, USD


async def test_a_batch_answers_each_for_itself(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    unbalanced = PostTransfer(
        shelf.fresh(), MERCHANT, Mode.TEST,
        (Leg(a.id, Side.DEBIT, EUR(1)), Leg(b.id, Side.CREDIT, EUR(2))),
    )  # fmt: skip
    first = shelf.moving(a, b, "1.00")
    commands = (
        first, unbalanced, shelf.moving(a, b, "100.00"), first, shelf.moving(b, a, "0.50"),
    )  # fmt: skip
    outcomes = await shelf.ledger.post_batch(commands)
    told = [one.refusal.code if one.refusal else "ok" for one in outcomes]
    assert told == ["ok", "unbalanced", "insufficient_funds", "ok", "ok"]
    assert outcomes[0].transfer is not None
    assert outcomes[3].transfer is not None
    assert outcomes[3].transfer.id == outcomes[0].transfer.id
    assert outcomes[3].transfer.replayed
    assert await shelf.balance(b) == ("0.50", "0.00", "0.50")
    with pytest.raises(BatchTooLarge):
        await shelf.ledger.post_batch((first,) * (BATCH_MAX + 1))


async def test_linked_transfers_happen_together_across_assets(shelf: Shelf):
    euros, dollars = await shelf.funded("10.00"), await shelf.open("USD")
    ours_euro = await shelf.open(tenant=PLATFORM)
    ours_dollar = await shelf.funded("10.00", "USD", tenant=PLATFORM)

    def exchange(give: int, take: int) -> PostLinked:
        legs = (
            (Leg(ours_dollar.id, Side.DEBIT, USD(take)), Leg(dollars.id, Side.CREDIT, USD(take))),
            (Leg(euros.id, Side.DEBIT, EUR(give)), Leg(ours_euro.id, Side.CREDIT, EUR(give))),
        )
        return PostLinked(
            shelf.fresh(), PLATFORM, Mode.TEST,
            tuple(PostTransfer("", PLATFORM, Mode.TEST, each) for each in legs),
        )  # fmt: skip

    for give, take in ((1001, 100), (100, 1001)):  # Either half may be the one that fails.
        command = exchange(give, take)
        for _ in range(2):
            with pytest.raises(InsufficientFunds):
                await shelf.ledger.post_linked(command)
    assert await shelf.balance(euros) == ("10.00", "0.00", "10.00")
    assert await shelf.balance(dollars) == ("0.00", "0.00", "0.00")
    command = exchange(500, 540)
    done = await shelf.ledger.post_linked(command)
    again = await shelf.ledger.post_linked(command)
    assert [one.id for one in again] == [one.id for one in done]
    assert [one.asset for one in done] == ["USD", "EUR"]
    assert len({one.link for one in done}) == 1
    assert await shelf.balance(dollars) == ("5.40", "0.00", "5.40")
    await shelf.agrees()


async def test_linked_transfers_are_refused_for_the_same_reason_when_told_again(shelf: Shelf):
    poor, dollars = await shelf.open("USD"), await shelf.open("USD")
    euros, taker = await shelf.funded("1.00"), await shelf.open()
    legs = (
        (Leg(poor.id, Side.DEBIT, USD(1)), Leg(dollars.id, Side.CREDIT, USD(1))),
        (Leg(euros.id, Side.DEBIT, EUR(1)), Leg(taker.id, Side.CREDIT, EUR(1))),
    )
    command = PostLinked(
        shelf.fresh(), MERCHANT, Mode.TEST,
        tuple(PostTransfer("", MERCHANT, Mode.TEST, each) for each in legs),
    )  # fmt: skip
    with pytest.raises(InsufficientFunds) as first:
        await shelf.ledger.post_linked(command)
    # The euros' book is asked before the dollars', and would refuse for another reason by now.
    await shelf.ledger.change_account(
        ChangeAccount(shelf.fresh(), MERCHANT, Mode.TEST, euros.id, AccountState.FROZEN)
    )
    with pytest.raises(InsufficientFunds) as again:
        await shelf.ledger.post_linked(command)
    assert again.value.facts == first.value.facts


async def test_linked_and_single_transfers_take_turns(shelf: Shelf):
    a, b = await shelf.funded("100.00"), await shelf.open()
    c, d = await shelf.funded("100.00", "USD"), await shelf.open("USD")

    async def linked(n: int) -> None:
        pair = (shelf.moving(a, b, "1.00"), shelf.moving(c, d, "1.00"))
        await shelf.ledger.post_linked(
            PostLinked(shelf.fresh(), MERCHANT, Mode.TEST, pair if n % 2 else pair[::-1])
        )

    await asyncio.gather(
        *(linked(n) for n in range(20)), *(shelf.move(a, b, "1.00") for _ in range(20)),
        *(shelf.move(c, d, "1.00") for _ in range(20)),
    )  # fmt: skip
    assert await shelf.balance(b) == ("40.00", "0.00", "40.00")
    assert await shelf.balance(d) == ("40.00", "0.00", "40.00")


async def test_a_rehearsal_writes_nothing(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    command = shelf.moving(a, b, "4.00")
    trial = await shelf.ledger.rehearse(command)
    assert trial.accepted
    assert [one.posted for one in trial.balances] == [EUR(600), EUR(400)]
    refused = await shelf.ledger.rehearse(shelf.moving(a, b, "11.00"))
    assert not refused.accepted
    assert refused.refusal is not None
    assert refused.refusal.code == "insufficient_funds"
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")
    assert not (await shelf.ledger.post(command)).replayed


@pytest.mark.catalogue("T56")
async def test_a_transfer_is_reversed_once(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    moved = await shelf.move(a, b, "4.00")
    answers = await asyncio.gather(
        *(
            shelf.ledger.reverse(
                ReverseTransfer(shelf.fresh(), MERCHANT, Mode.TEST, moved.id, "wrong shop")
            )
            for _ in range(10)
        ),
        return_exceptions=True,
    )
    done = [one for one in answers if not isinstance(one, BaseException)]
    assert len(done) == 1
    assert sum(isinstance(one, AlreadyReversed) for one in answers) == 9
    assert done[0].subject == moved.id
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")
    with pytest.raises(NotReversible):
        await shelf.ledger.reverse(ReverseTransfer(shelf.fresh(), MERCHANT, Mode.TEST, done[0].id))
    await shelf.agrees()


async def test_a_reversal_needs_the_money_to_be_there_still(shelf: Shelf):
    a, b, c = await shelf.funded("10.00"), await shelf.open(), await shelf.open()
    moved = await shelf.move(a, b, "4.00")
    await shelf.move(b, c, "4.00")
    with pytest.raises(InsufficientFunds):
        await shelf.ledger.reverse(ReverseTransfer(shelf.fresh(), MERCHANT, Mode.TEST, moved.id))
    await shelf.move(c, b, "4.00")
    await shelf.ledger.reverse(ReverseTransfer(shelf.fresh(), MERCHANT, Mode.TEST, moved.id))
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")

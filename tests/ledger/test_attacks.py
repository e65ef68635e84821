"""What an attacker tries on the book, and what has to come of it."""

import asyncio

from tests.ledger.shelf import MERCHANT, STRANGER, Shelf


async def test_a_refusal_in_a_crowd_names_the_callers_own_account(shelf: Shelf):
    """Many callers share one statement; what is told to one is never about another's account."""
    rich, other = await shelf.funded("9.00"), await shelf.open()
    poor = [await shelf.funded(f"0.0{number}") for number in range(1, 7)]
    answers = await asyncio.gather(
        shelf.move(rich, other, "1.00"),
        shelf.move(rich, other, "1.00"),
        *(shelf.move(one, other, "5.00") for one in poor),
        return_exceptions=True,
    )
    for number, (one, answer) in enumerate(zip(poor, answers[2:], strict=True), 1):
        print(answer.facts)
        assert answer.facts["account"] == one.id
        assert answer.facts["available"] == f"0.0{number} EUR"

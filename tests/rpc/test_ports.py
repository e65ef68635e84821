"""A port call means the same together and apart."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.rpc.apart import APART, PLACES, at
from tests.rpc.sample import Colour, Part, Sample, Wish, errors, sample_service

from bezant.db import guard
from bezant.errors import BezantError, Forbidden, OutcomeUnknown, SeveralInvalid
from bezant.ledger.port import InsufficientFunds, Ledger
from bezant.money import EUR
from bezant.rpc.codes import Fault, rise, tell
from bezant.rpc.deadline import DeadlinePassed, within
from bezant.rpc.near import near
from bezant.rpc.permits import PERMITS

pytestmark = pytest.mark.requirement("S001-5", "S004-7", part="rpc")


@pytest.fixture(params=PLACES)
async def sample(request: pytest.FixtureRequest) -> AsyncIterator[Sample]:
    async with at(request.param, Sample, sample_service) as port:
        yield port


async def test_a_call_takes_arguments_and_answers(sample: Sample):
    assert await sample.several("a", 2, Colour.BLUE) == Part("ablue", EUR(2_00))
    assert await sample.several(text="a", number=2) == Part("ared", EUR(2_00))
    assert await sample.several("a", 0) is None
    assert await sample.nothing() is None
    parts = (Part("a", EUR(1)), Part("b", EUR(2)))
    assert await sample.many(parts) == (parts[1], parts[0])
    assert await sample.many(()) == ()


@pytest.mark.parametrize("name", errors())
async def test_an_error_rises_as_the_same_class(sample: Sample, name: str):
    raised = errors()[name]
    with pytest.raises(BezantError) as caught:
        await sample.wish(Wish("w", name))

    risen = caught.value
    if not isinstance(raised, BezantError):
        assert type(risen) is Fault
        assert "secret" not in str(risen)
        assert risen.status == 500
        return
    assert type(risen) is type(raised)
    assert (risen.code, risen.status) == (raised.code, raised.status)
    assert (risen.detail, risen.field, dict(risen.facts)) == (
        raised.detail,
        raised.field,
        dict(raised.facts),
    )
    assert risen.retry_after_seconds == raised.retry_after_seconds
    if isinstance(raised, SeveralInvalid):
        assert isinstance(risen, SeveralInvalid)
        assert [mistake.field for mistake in risen.mistakes] == ["a", "b"]


class Open:
    name = "payments"
    is_open = True


async def test_no_call_leaves_while_a_transaction_is_open(sample: Sample):
    transaction = Open()
    token = guard.current.set(transaction)
    try:
        with pytest.raises(guard.TransactionOpen):
            await sample.wish(Wish("w"))
        transaction.is_open = False
        assert await sample.count() == 0
    finally:
        guard.current.reset(token)


async def test_a_call_ends_by_the_deadline_of_the_request(sample: Sample):
    await sample.nothing()
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        async with within(0.3):
            await sample.wish(Wish("w", "wait", 60_000))
    assert time.monotonic() - began < 1.3

    with pytest.raises((DeadlinePassed, OutcomeUnknown)):
        async with within(0.2):
            await asyncio.sleep(0.1)
            while True:
                await sample.nothing()


async def test_an_answer_too_large_for_a_message_is_our_fault_not_the_callers():
    async with at(APART, Sample, sample_service) as sample:
        with pytest.raises(Fault):
            await sample.wish(Wish("w", "large"))
        assert await sample.wish(Wish("after")) == "after"  # The connection still stands.


async def test_a_code_this_side_does_not_know_rises_as_its_kind():
    told = tell(InsufficientFunds("too little", facts={"available": "1"}))
    unknown = type(told)(kind=told.kind, code="brand_new", detail=told.detail, facts=told.facts)

    risen = rise(unknown)

    assert type(risen).__name__ == "Refused"
    assert (risen.code, risen.status, risen.facts) == ("brand_new", 422, {"available": "1"})
    assert type(rise(told)) is InsufficientFunds


async def test_a_known_code_of_another_kind_is_not_believed():
    told = tell(InsufficientFunds("too little"))
    odd = type(told)(kind="not_found", code=told.code, detail="")
    assert type(rise(odd)).__name__ == "NotFound"


async def test_a_caller_with_a_name_has_its_permits_together_too():
    class Book:
        async def reconcile(self, command: object) -> str:
            return "done"

        def __getattr__(self, name: str) -> object:
            return self.reconcile

    book: Ledger = Book()  # type: ignore[assignment]
    # type: ignore[arg-type]
    assert await near(Ledger, book, caller="reconciliation").reconcile(None) == "done"
    with pytest.raises(Forbidden):
        await near(Ledger, book, caller="receipts").reconcile(None)  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        # type: ignore[arg-type]
        await near(Ledger, book, caller="stranger", permits=PERMITS).reconcile(None)

"""Who was forgotten pays no more, is kept no more, and is named in nothing that is told later."""

import asyncio

import pytest
from tests.payments.test_feed import fed
from tests.payments.till import CARD, MERCHANT, Till

from bezant.actor import Mode
from bezant.errors import Unavailable
from bezant.payments.port import (
    ChangeCustomer,
    ConfirmPayment,
    CreateCustomer,
    Customer,
    CustomerForgotten,
    MethodKind,
    Payment,
    PayWith,
    SaveMethod,
)
from bezant.vault.port import UnknownCard

FORGOTTEN = "payment.payer_forgotten"
TRIALS = 10


async def ada(till: Till) -> Customer:
    made = CreateCustomer(till.fresh("c"), MERCHANT, Mode.TEST, "Ada", "ada@example.com")
    return await till.payments.create_customer(made)


async def forgotten(till: Till) -> Customer:
    customer = await ada(till)
    return await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)


async def test_nothing_is_begun_or_kept_for_them(till: Till) -> None:
    gone, other = await forgotten(till), await ada(till)
    for pay_with in (CARD, None):
        with pytest.raises(CustomerForgotten) as refused:
            await till.pay(customer=gone.id, pay_with=pay_with)
        assert refused.value.field == "customer"
        await till.pay(customer=other.id, pay_with=pay_with)  # The control.
    save = SaveMethod("s", MERCHANT, Mode.TEST, gone.id, MethodKind.CARD, "card_good")
    with pytest.raises(CustomerForgotten):
        await till.payments.save_method(save)
    with pytest.raises(CustomerForgotten):
        await till.payments.change_customer(
            ChangeCustomer(MERCHANT, Mode.TEST, gone.id, name="Ada again")
        )
    assert (await till.payments.customer(MERCHANT, Mode.TEST, gone.id)).name == ""
    assert till.count("payment", f"customer = '{gone.id[4:]}'") == 0
    assert till.count("payment", f"customer = '{other.id[4:]}'") == 2


async def test_a_payment_that_waits_for_a_way_to_pay_is_not_paid_in_their_name(till: Till) -> None:
    customer = await ada(till)
    waiting = await till.pay(customer=customer.id, pay_with=None)
    await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
    confirm = ConfirmPayment("k", MERCHANT, Mode.TEST, waiting.id, CARD)
    with pytest.raises(CustomerForgotten):
        await till.payments.confirm(confirm)
    assert till.acquirer.calls == []


async def test_what_they_saved_pays_no_more_even_while_the_vault_cannot_be_asked_to_forget(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await ada(till)
    save = SaveMethod("s", MERCHANT, Mode.TEST, customer.id, MethodKind.CARD, "card_good")
    saved = await till.payments.save_method(save)
    pay_with = PayWith(MethodKind.CARD, saved=saved.id)
    await till.pay(pay_with=pay_with)  # The control.

    async def away(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(till.acquirer, "forget", away)
    with pytest.raises(Unavailable):
        await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
    with pytest.raises(CustomerForgotten) as refused:
        await till.pay(pay_with=pay_with)
    assert refused.value.field == "pay_with.saved"
    assert till.count("payment") == 1
    assert await till.payments.forget_the_rest() == 1
    assert till.acquirer.cards == {"card_good"}, "the vault is still away"
    monkeypatch.undo()
    # Whoever asked need not ask again.
    assert await till.payments.forget_the_rest() == 1
    assert till.acquirer.cards == set()
    assert till.count("method", "dropped_at IS NULL") == 0
    assert await till.payments.forget_the_rest() == 0
    assert [one.event.type for one in await fed(till)].count(FORGOTTEN) == 1


async def test_a_card_that_the_vault_no_longer_has_is_no_reason_to_keep_the_rest(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await ada(till)
    save = SaveMethod("s", MERCHANT, Mode.TEST, customer.id, MethodKind.CARD, "card_good")
    await till.payments.save_method(save)

    async def gone(*_: object) -> None:
        raise UnknownCard

    monkeypatch.setattr(till.acquirer, "forget", gone)
    assert (await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)).forgotten
    assert till.count("method", "dropped_at IS NULL") == 0


async def test_who_asked_before_is_answered_as_then(till: Till) -> None:
    customer = await ada(till)
    command = till.asking(customer=customer.id)
    first = await till.payments.create(command)
    await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
    again = await till.payments.create(command)
    assert (again.id, again.replayed) == (first.id, True)


async def test_what_is_told_later_says_nothing_of_what_it_was_for(till: Till) -> None:
    customer = await ada(till)
    theirs = await till.pay(customer=customer.id, description="Braces for Ada")
    other = await till.pay(description="Something else")
    assert "Braces" in str(await fed(till))
    await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
    await till.refund(theirs, "5.00 EUR")
    await till.refund(other, "5.00 EUR")
    told = [one.event for one in await fed(till) if one.event.type == "refund.succeeded"]
    assert [one.data.get("description") for one in told] == [None, "Something else"]
    assert "Braces" not in str(await fed(till))


async def test_a_payment_that_is_begun_meanwhile_is_told_of_or_refused(till: Till) -> None:
    made: list[Payment] = []
    for _ in range(TRIALS):
        customer = await ada(till)
        answers = await asyncio.gather(
            *(till.pay(customer=customer.id) for _ in range(3)),
            till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id),
            *(till.pay(customer=customer.id) for _ in range(3)),
            return_exceptions=True,
        )
        failures = [one for one in answers if isinstance(one, BaseException)]
        assert all(isinstance(one, CustomerForgotten) for one in failures), failures
        made += [one for one in answers if isinstance(one, Payment)]
    told = [one.event.subject for one in await fed(till) if one.event.type == FORGOTTEN]
    assert sorted(told) == sorted(one.id for one in made), "each of them once"


async def test_one_that_was_checked_just_before_they_were_forgotten_is_told_of(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await ada(till)
    begin = till.parts.gathered.begin

    async def late(command: object) -> object:
        await till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id)
        return await begin(command)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(till.parts.gathered, "begin", late)
    payment = await till.pay(customer=customer.id, description="Braces for Ada")
    kinds = [one.event.type for one in await fed(till) if one.event.subject == payment.id]
    assert kinds == ["payment.created", FORGOTTEN, "payment.captured"]
    assert "Braces" not in str(await fed(till))


async def test_a_way_to_pay_that_is_saved_meanwhile_does_not_stay(till: Till) -> None:
    for trial in range(TRIALS):
        customer = await ada(till)
        saves = [
            SaveMethod(
                f"s{trial}{at}",
                MERCHANT,
                Mode.TEST,
                customer.id,
                MethodKind.BANK_ACCOUNT,
                facts={"payment_method": "pm_usBankAccount_success"},
            )
            for at in range(4)
        ]
        await till.payments.save_method(saves[0])
        await asyncio.gather(
            till.payments.save_method(saves[1]),
            till.payments.forget_customer(MERCHANT, Mode.TEST, customer.id),
            *(till.payments.save_method(one) for one in saves[2:]),
            return_exceptions=True,
        )
        left = await till.payments.methods(MERCHANT, Mode.TEST, customer.id)
        assert left == (), "none is there that nobody would look for again"
    assert till.count("method") >= TRIALS, "some were saved in time, and dropped"

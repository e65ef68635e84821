"""What merchants are charged is not one person's to decide: a change of fees waits for another."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from tests.approvals.panel import Panel, opened_panel
from tests.harness.cluster import Cluster, TestDatabase
from tests.payments.second_person import SecondPerson
from tests.payments.till import CLERK, Till, opened, service_on
from tests.vault.room import template_of

from bezant.actor import PLATFORM, Actor, Caller
from bezant.approvals.port import (
    Approval,
    ApproverLacksRight,
    Decide,
    PeopleApprove,
    SelfApproval,
    Spend,
    UnknownApproval,
)
from bezant.clock import MovableClock
from bezant.errors import Invalid, Unavailable
from bezant.identity import Role
from bezant.payments import amending
from bezant.payments.port import (
    ChangeTerms,
    FeeRule,
    RoutingRule,
    Terms,
    TermsBusy,
    TermsChange,
    TermsState,
    UnknownTermsChange,
)

CHIEF = replace(CLERK, caller=Caller.MEMBER, subject="mem_1", tenant=PLATFORM)
DEAR = Terms((), (FeeRule(Decimal("2.9"), 30, asset="EUR"),))
CHEAP = Terms((), (FeeRule(Decimal(1)),))


@pytest.fixture
def person() -> SecondPerson:
    return SecondPerson()


@pytest.fixture
async def till(
    payments_database: TestDatabase, clock: MovableClock, person: SecondPerson
) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, approvals=person) as till:
        yield till


@pytest.fixture(scope="session")
def people_template(cluster: Cluster) -> str:
    return template_of(cluster, "terms_template", ("keys", "identity", "approvals"))


@pytest.fixture
def people_database(cluster: Cluster, people_template: str) -> Iterator[TestDatabase]:
    with cluster.fresh(people_template) as fresh:
        yield fresh


@pytest.fixture
async def panel(
    people_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Panel]:
    async with opened_panel(people_database, clock, tmp_path) as panel:
        yield panel


async def asked(till: Till, terms: Terms, by: Actor = CHIEF) -> TermsChange:
    return await till.payments.change_terms(ChangeTerms(by, terms))


async def now(till: Till, change: TermsChange) -> TermsState:
    return (await till.payments.terms_change(change.id)).state


@pytest.mark.catalogue("T77")
async def test_other_fees_hold_only_when_a_second_person_has_agreed(
    till: Till, person: SecondPerson
) -> None:
    change = await asked(till, DEAR)
    assert (change.state, change.proposed_by) == (TermsState.NEEDS_APPROVAL, CHIEF.subject)
    assert await till.payments.take_up_approved() == 0
    assert await till.payments.terms() == Terms()
    assert (await till.pay("100.00 EUR")).fee.minor == 0

    proposed = person.proposed[change.approval]
    assert (proposed.tenant, proposed.permission) == (PLATFORM, "settings.write")
    assert "2.9 %" in proposed.summary
    person.says[change.approval] = True
    assert await till.payments.take_up_approved() == 1
    assert await till.payments.take_up_approved() == 0
    assert await now(till, change) is TermsState.IN_FORCE
    assert await till.payments.terms() == DEAR
    assert (await till.pay("100.00 EUR")).fee.decimal() == "3.20"


@pytest.mark.catalogue("T77")
async def test_what_was_agreed_to_is_all_that_is_done(till: Till, person: SecondPerson) -> None:
    change = await asked(till, CHEAP)
    person.says[change.approval] = True
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE payments.terms_change"
            " SET terms = jsonb_set(terms, '{fees,0,percent}', '\"99\"')"
        )
    assert await till.payments.take_up_approved() == 0
    assert await till.payments.terms() == Terms()


@pytest.mark.catalogue("T77")
async def test_an_agreement_counts_for_the_rules_it_was_given_on(
    till: Till, person: SecondPerson
) -> None:
    first = await asked(till, CHEAP)
    till.clock.move(timedelta(seconds=1))
    second = await asked(till, DEAR)
    for one in (first, second):
        person.says[one.approval] = True
    assert await till.payments.take_up_approved() == 2
    assert await now(till, first) is TermsState.IN_FORCE
    assert await now(till, second) is TermsState.OVERTAKEN
    assert await till.payments.terms() == CHEAP


async def test_what_is_rejected_never_holds(till: Till, person: SecondPerson) -> None:
    change = await asked(till, DEAR)
    person.says[change.approval] = False
    assert await till.payments.take_up_approved() == 1
    assert await now(till, change) is TermsState.REJECTED
    person.says[change.approval] = True
    assert await till.payments.take_up_approved() == 0
    assert await till.payments.terms() == Terms()
    again = await asked(till, DEAR)
    assert again.id != change.id


async def test_rules_that_no_table_takes_hold_up_nobody_elses(
    till: Till, person: SecondPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unchecked(*_: object) -> None:
        """As when such rules were not refused."""

    monkeypatch.setattr(amending, "check", unchecked)
    impossible = await asked(till, Terms((), (FeeRule(Decimal(1), least=0),)))
    till.clock.move(timedelta(seconds=1))  # What was asked for first is decided first.
    possible = await asked(till, DEAR)
    person.says = {impossible.approval: True, possible.approval: True}
    await till.payments.take_up_approved()
    assert (await till.payments.terms_change(impossible.id)).state is TermsState.REJECTED
    assert (await till.payments.terms_change(possible.id)).state is TermsState.IN_FORCE
    assert await till.payments.terms() == DEAR


async def test_asking_again_for_the_same_is_the_same_change(
    till: Till, person: SecondPerson
) -> None:
    first, again = await asked(till, DEAR), await asked(till, DEAR)
    assert again == first
    other = await asked(till, DEAR, replace(CHIEF, subject="mem_2"))
    assert other.id != first.id
    assert len(person.proposed) == 2


async def test_who_looks_sees_at_once_what_another_process_put_in_force(till: Till) -> None:
    ledger, payments = (till.database.module_dsn(one) for one in ("ledger", "payments"))
    async with service_on(ledger, payments, till.clock) as elsewhere:
        assert await elsewhere.payments.terms() == await till.payments.terms()
        await elsewhere.pay("10.00 EUR")  # From here that process remembers them.
        await till.set_terms(CHEAP)
        assert await elsewhere.payments.terms() == CHEAP


async def test_routing_alone_holds_at_once(till: Till, person: SecondPerson) -> None:
    change = await asked(till, Terms((RoutingRule(0, "second"),)))
    assert change.state is TermsState.IN_FORCE
    assert (await till.pay("10.00 EUR")).provider == "second"
    assert not person.proposed
    both = await asked(till, Terms((RoutingRule(0, "card"),), DEAR.fees))
    assert both.state is TermsState.NEEDS_APPROVAL
    assert (await till.pay("10.00 EUR")).provider == "second"


WRONG = {
    "more than all of it": Terms((), (FeeRule(Decimal(101)),)),
    "finer than is kept": Terms((), (FeeRule(Decimal("0.0000001")),)),
    "nothing at least, of no asset": Terms((), (FeeRule(Decimal(1), least=0),)),
    "nothing at most, of no asset": Terms((), (FeeRule(Decimal(1), most=0),)),
    "a priority nobody could ask for": Terms((), (FeeRule(Decimal(1), priority="p" * 41),)),
    "a priority with a line break": Terms((), (FeeRule(Decimal(1), priority="a\nb"),)),
    "more than the book can hold": Terms((), (FeeRule(Decimal(1), 10**32, asset="EUR"),)),
    "a country that is none": Terms((RoutingRule(0, "card", country="Germany"),)),
    "a place beyond all others": Terms((RoutingRule(2**40, "card"),)),
    "no amount between these": Terms(
        (RoutingRule(0, "card", asset="EUR", amount_min=2, amount_max=1),)
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_what_contradicts_itself_is_not_even_proposed(
    till: Till, person: SecondPerson, wrong: Terms
) -> None:
    with pytest.raises(Invalid):
        await asked(till, wrong)
    assert not person.proposed
    assert await till.payments.terms() == Terms()
    with pytest.raises(UnknownTermsChange):
        await till.payments.terms_change("trm_" + "0" * 32)


async def test_what_is_just_within_the_bounds_holds(till: Till, person: SecondPerson) -> None:
    wide = RoutingRule(1_000_000, "card", country="DE", asset="EUR", amount_min=1, amount_max=1)
    fine = FeeRule(Decimal("0.000001"), 10**32 - 1, asset="EUR", priority="p" * 40)
    change = await asked(till, Terms((wide,), (fine,)))
    person.says[change.approval] = True
    await till.payments.take_up_approved()
    assert await till.payments.terms() == Terms((wide,), (fine,))


async def test_too_many_waiting_changes_are_refused(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bezant.payments.amending.WAITING_TERMS_MAX", 2)
    await asked(till, DEAR)
    await asked(till, CHEAP)
    with pytest.raises(TermsBusy):
        await asked(till, Terms((), (FeeRule(Decimal(3)),)))


async def test_a_change_nobody_could_be_asked_about_takes_no_place_for_ever(
    till: Till, person: SecondPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bezant.payments.amending.WAITING_TERMS_MAX", 1)
    propose, spend = person.propose, person.spend

    async def silent(command: object) -> Approval:
        raise Unavailable

    async def unknown(command: Spend) -> Approval:
        if command.approval not in person.proposed:
            raise UnknownApproval
        return await spend(command)

    monkeypatch.setattr(person, "propose", silent)
    monkeypatch.setattr(person, "spend", unknown)
    with pytest.raises(Unavailable):
        await asked(till, DEAR)
    monkeypatch.setattr(person, "propose", propose)
    await asked(till, Terms((RoutingRule(0, "card"),)))  # Now asking again is another change.
    assert await till.payments.take_up_approved() == 0
    with pytest.raises(TermsBusy):
        await asked(till, DEAR)
    till.clock.move(timedelta(hours=2))
    assert await till.payments.take_up_approved() == 1
    change = await asked(till, DEAR)
    person.says[change.approval] = True
    assert await till.payments.take_up_approved() == 1
    assert await till.payments.terms() == DEAR


def test_no_change_of_a_change_but_those_that_are_allowed(till: Till) -> None:
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        for one in range(1, 5):
            for other in range(1, 5):
                connection.execute("DELETE FROM payments.terms_change")
                connection.execute(
                    "INSERT INTO payments.terms_change (id, proposed_at, state, live, proposed_by,"
                    " replaces, terms) VALUES (gen_random_uuid(), '2026-01-01', %s, false, 'm',"
                    " sha256(''), '{}')",
                    (one,),
                )
                legal = one in (1, other)
                try:
                    connection.execute("UPDATE payments.terms_change SET state = %s", (other,))
                    assert legal, (one, other)
                except psycopg.errors.CheckViolation:
                    assert not legal, (one, other)


@pytest.mark.catalogue("T77")
async def test_nobody_agrees_to_their_own_fees(
    payments_database: TestDatabase, clock: MovableClock, panel: Panel
) -> None:
    """With real people and real approvals, in databases of their own."""
    ann, bob = await panel.make.actor(), await panel.make.actor()
    clerk = await panel.make.actor(PLATFORM, Role.AUDITOR)
    async with opened(payments_database, clock, approvals=panel.approvals) as till:
        change = await asked(till, DEAR, ann)
        approval = change.approval
        for stranger, error in (
            (ann, SelfApproval),
            (clerk, ApproverLacksRight),
            (replace(bob, caller=Caller.KEY), PeopleApprove),
        ):
            with pytest.raises(error) as refused:
                await panel.approvals.approve(Decide(stranger, approval))
            assert refused.value.status == 403
            assert await till.payments.take_up_approved() == 0
        assert await till.payments.terms() == Terms()
        await panel.approvals.approve(Decide(bob, approval))
        assert await till.payments.take_up_approved() == 1
        assert await till.payments.terms() == DEAR
        assert (await panel.approvals.approval(ann, approval)).spent_for == change.id

"""Approvals mean the same near and far; modules may use them, and none of them may decide."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.approvals.apart_approvals import approvals_service
from tests.approvals.panel import DIGEST, OTHER
from tests.harness.cluster import TestDatabase
from tests.rpc.apart import PLACES, at

from bezant.actor import Actor, Caller, Mode
from bezant.approvals.port import (
    Approvals,
    ApprovalsOf,
    ApprovalState,
    ApprovedSomethingElse,
    Decide,
    Propose,
    SelfApproval,
    Spend,
)
from bezant.errors import Forbidden

pytestmark = [pytest.mark.catalogue("T77"), pytest.mark.requirement("S004-7", part="approvals")]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN = "mer_" + "a" * 32
RIGHTS = frozenset({"approvals.write", "refunds.write"})
CLERK = Actor(Caller.KEY, "key_1", ANN, Mode.TEST, frozenset({"refunds.write"}), "finance")
BOSS = Actor(Caller.MEMBER, "mem_boss", ANN, Mode.TEST, RIGHTS, "admin")
MAKER = replace(BOSS, subject="mem_maker_of_key_1")
PROPOSAL = Propose(
    "apr_" + "1" * 32, CLERK, ANN, "refund", "re_1", "Give back 500 EUR", DIGEST, "refunds.write"
)
SPENDING = Spend(PROPOSAL.id, ANN, Mode.TEST, "refund", DIGEST, "re_1")


@pytest.fixture(params=PLACES)
async def approvals(
    request: pytest.FixtureRequest, database: TestDatabase
) -> AsyncIterator[Approvals]:
    arguments = (database.module_dsn("approvals"), NOW.isoformat())
    async with at(request.param, Approvals, approvals_service, *arguments) as port:
        yield port


async def test_the_whole_story(approvals: Approvals):
    made = await approvals.propose(PROPOSAL)
    assert (made.state, made.expires_at > NOW) == (ApprovalState.OPEN, True)
    with pytest.raises(SelfApproval):
        await approvals.approve(Decide(MAKER, made.id))
    agreed = await approvals.approve(Decide(BOSS, made.id, "fine"))
    assert [one.reason for one in agreed.decisions] == ["fine"]
    with pytest.raises(ApprovedSomethingElse):
        await approvals.spend(replace(SPENDING, digest=OTHER))
    spent = await approvals.spend(SPENDING)
    assert spent == await approvals.spend(SPENDING) == await approvals.approval(BOSS, made.id)
    page = await approvals.approvals(ApprovalsOf(BOSS, ANN, ApprovalState.SPENT))
    assert page.approvals == (spent,)


@pytest.mark.parametrize("place", PLACES)
async def test_payments_propose_and_spend_and_decide_nothing(place: str, database: TestDatabase):
    arguments = (database.module_dsn("approvals"), NOW.isoformat())
    async with at(place, Approvals, approvals_service, *arguments, caller="payments") as port:
        await port.propose(PROPOSAL)
        for decide in (port.approve, port.reject):
            with pytest.raises(Forbidden) as refused:
                await decide(Decide(BOSS, PROPOSAL.id))
            assert refused.value.code == "not_permitted"
    async with at(place, Approvals, approvals_service, *arguments, caller="orders") as port:
        with pytest.raises(Forbidden):
            await port.spend(SPENDING)

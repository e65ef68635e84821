"""Nobody agrees with themselves, whatever they propose through: a key, a token, or a program."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.approvals.panel import Panel, opened_panel
from tests.harness.cluster import Cluster
from tests.vault.room import template_of

from bezant.actor import Actor, Caller, Mode
from bezant.approvals.port import (
    APPROVERS_MAX,
    ApprovalState,
    Decide,
    MalformedProposal,
    PeopleApprove,
    SelfApproval,
)
from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.identity import CreateApiKey, KeyKind, Role, RotateApiKey, rules

pytestmark = pytest.mark.catalogue("T77")
MODULES = ("keys", "identity", "approvals")


@pytest.fixture
async def panel(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Panel]:
    clock = MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
    with cluster.fresh(template_of(cluster, "approvals_template", MODULES)) as database:
        async with opened_panel(database, clock, tmp_path) as opened:
            yield opened


def program(panel: Panel, name: str = "cli_1") -> Actor:
    """Return a client that acts for its merchant by a token of its own."""
    permissions = rules.key_permissions(KeyKind.SECRET, Role.FINANCE, ())
    return Actor(Caller.CLIENT, name, panel.merchant, Mode.LIVE, permissions, "finance")


async def test_what_a_program_proposes_two_people_agree_to(panel: Panel) -> None:
    ann, ben = await panel.person(Role.ADMIN), await panel.person(Role.FINANCE)
    ann, ben = _live(ann), _live(ben)
    made = await panel.proposal(program(panel))
    assert made.approvers == 2

    # Whoever runs the program may be one of them, but never both.
    for _ in range(2):
        once = await panel.approvals.approve(Decide(ann, made.id))
        assert once.state is ApprovalState.OPEN
    assert (await panel.approvals.approve(Decide(ben, made.id))).state is ApprovalState.APPROVED


async def test_one_person_with_two_programs_is_one_person(panel: Panel) -> None:
    ann = _live(await panel.person(Role.ADMIN))
    first, second = program(panel), program(panel, "cli_2")
    made = await panel.proposal(first)
    with pytest.raises(PeopleApprove):
        await panel.approvals.approve(Decide(second, made.id))
    assert (await panel.approvals.approve(Decide(ann, made.id))).state is ApprovalState.OPEN
    again = await panel.approvals.propose(panel.proposing(first, id=made.id))
    assert (again.id, again.approvers) == (made.id, 2)


async def test_a_program_proposes_nothing_that_more_people_than_there_are_agree_to(
    panel: Panel,
) -> None:
    with pytest.raises(MalformedProposal):
        await panel.proposal(program(panel), approvers=APPROVERS_MAX)
    assert (await panel.proposal(program(panel), approvers=APPROVERS_MAX - 1)).approvers == 5


async def test_a_rotated_key_is_still_its_makers_while_it_works(panel: Panel) -> None:
    ann, ben = await panel.person(Role.ADMIN), await panel.person(Role.ADMIN)
    new = await panel.identity.create_key(
        CreateApiKey(panel.ids.new("key"), ann, panel.merchant, KeyKind.SECRET, Role.FINANCE)
    )
    old = await panel.make.key_actor(new)
    fresh = await panel.make.key_actor(
        await panel.identity.rotate_key(
            RotateApiKey(panel.ids.new("key"), ben, panel.merchant, new.key.id)
        )
    )
    for key, maker, other in ((old, ann, ben), (fresh, ben, ann)):
        made = await panel.proposal(key)
        with pytest.raises(SelfApproval):
            await panel.approvals.approve(Decide(maker, made.id))
        agreed = await panel.approvals.approve(Decide(other, made.id))
        assert agreed.state is ApprovalState.APPROVED


async def test_without_the_rule_one_person_would_have_passed(panel: Panel) -> None:
    """The control: what a person proposes, one other person agrees to."""
    ann, ben = await panel.person(Role.ADMIN), await panel.person(Role.ADMIN)
    made = await panel.proposal(ann)
    assert made.approvers == 1
    with pytest.raises(BezantError):
        await panel.approvals.approve(Decide(ann, made.id))
    assert (await panel.approvals.approve(Decide(ben, made.id))).state is ApprovalState.APPROVED


def _live(by: Actor) -> Actor:
    return Actor(by.caller, by.subject, by.tenant, Mode.LIVE, by.permissions, by.role)

"""Four eyes: nothing is executed by one person, twice, or other than it was approved (T77)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from tests.approvals.panel import DIGEST, OTHER, PLATFORM, Panel

from bezant.actor import Actor, Caller, Mode
from bezant.approvals import store
from bezant.approvals.port import (
    AlreadyProposed,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalOpen,
    ApprovalRejected,
    ApprovalsOf,
    ApprovalSpent,
    ApprovalState,
    ApprovedSomethingElse,
    ApproverLacksRight,
    Decide,
    MalformedProposal,
    PeopleApprove,
    SelfApproval,
    UnknownApproval,
)
from bezant.identity import CreateApiKey, KeyKind, Role
from bezant.identity import rules as identity_rules

pytestmark = [pytest.mark.catalogue("T77"), pytest.mark.requirement("S003-1", part="four eyes")]


async def test_another_person_approves_and_it_is_used_once(panel: Panel):
    ann, bob = await panel.person(), await panel.person()
    made = await panel.proposal(ann)
    assert made.state is ApprovalState.OPEN
    agreed = await panel.approvals.approve(Decide(bob, made.id, "I called the customer"))
    assert agreed.state is ApprovalState.APPROVED
    assert [(one.person, one.reason) for one in agreed.decisions] == [
        (bob.subject, "I called the customer")
    ]
    spent = await panel.approvals.spend(panel.spending(made))
    assert (spent.state, spent.spent_for) == (ApprovalState.SPENT, "re_1")
    assert await panel.approvals.spend(panel.spending(made)) == spent, (
        "a lost answer is asked again"
    )
    with pytest.raises(ApprovalSpent):
        await panel.approvals.spend(panel.spending(made, use="re_2"))


async def test_nobody_approves_what_they_proposed(panel: Panel):
    member = await panel.make.member(panel.merchant, Role.ADMIN)
    first, second = await panel.entered(member), await panel.entered(member)
    made = await panel.proposal(first)
    for session in (first, second):
        with pytest.raises(SelfApproval) as refused:
            await panel.approvals.approve(Decide(session, made.id))
        assert refused.value.status == 403
    assert (await panel.approvals.approval(first, made.id)).state is ApprovalState.OPEN


async def test_two_memberships_are_one_person(panel: Panel):
    member = await panel.make.member(panel.merchant, Role.ADMIN)
    await panel.make.member(PLATFORM, Role.ADMIN, member.email)
    here, there = await panel.entered(member), await panel.entered(member, PLATFORM)
    assert here.tenant != there.tenant
    made = await panel.proposal(here)
    with pytest.raises(SelfApproval):
        await panel.approvals.approve(Decide(there, made.id))
    made = await panel.proposal(there)
    with pytest.raises(SelfApproval):
        await panel.approvals.approve(Decide(here, made.id))


async def test_whoever_made_a_key_does_not_approve_what_the_key_proposed(panel: Panel):
    admin = await panel.person(Role.ADMIN)
    other = await panel.person(Role.ADMIN)
    key = await panel.identity.create_key(
        CreateApiKey(panel.ids.new("key"), admin, panel.merchant, KeyKind.SECRET, Role.FINANCE)
    )
    actor = await panel.make.key_actor(key)
    made = await panel.proposal(actor)
    assert made.proposed_by == actor.subject
    with pytest.raises(SelfApproval):
        await panel.approvals.approve(Decide(admin, made.id))
    assert (await panel.approvals.approve(Decide(other, made.id))).state is ApprovalState.APPROVED


@pytest.mark.parametrize("caller", [Caller.KEY, Caller.MODULE, Caller.OPERATOR])
async def test_keys_and_programs_approve_nothing(panel: Panel, caller: Caller):
    made = await panel.proposal(await panel.person())
    everything = identity_rules.operator(Mode.TEST).permissions
    robot = Actor(caller, "key_2", panel.merchant, Mode.TEST, everything, "admin")
    for decide in (panel.approvals.approve, panel.approvals.reject):
        with pytest.raises(PeopleApprove):
            await decide(Decide(robot, made.id))


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.SUPPORT, Role.AUDITOR])
async def test_who_may_not_do_it_may_not_approve_it(panel: Panel, role: Role):
    made = await panel.proposal(await panel.person())
    with pytest.raises(ApproverLacksRight):
        await panel.approvals.approve(Decide(await panel.person(role), made.id))


async def test_the_right_to_approve_is_not_the_right_to_this(panel: Panel):
    made = await panel.proposal(await panel.person(), permission="settings.write")
    with pytest.raises(ApproverLacksRight):
        await panel.approvals.approve(Decide(await panel.person(Role.ADMIN), made.id))
    platform = await panel.person(Role.ADMIN, PLATFORM)
    agreed = await panel.approvals.approve(Decide(platform, made.id))
    assert agreed.state is ApprovalState.APPROVED


async def test_strangers_and_the_other_mode_see_nothing(panel: Panel):
    ann = await panel.person()
    made = await panel.proposal(ann)
    elsewhere = await panel.person(Role.ADMIN, (await panel.make.merchant("Other")).id)
    live = replace(await panel.person(), mode=Mode.LIVE)
    for stranger in (elsewhere, live):
        for decide in (panel.approvals.approve, panel.approvals.reject):
            with pytest.raises(UnknownApproval):
                await decide(Decide(stranger, made.id))
        with pytest.raises(UnknownApproval):
            await panel.approvals.approval(stranger, made.id)
    with pytest.raises(UnknownApproval):
        await panel.approvals.approvals(ApprovalsOf(elsewhere, panel.merchant))
    for unknown in ("apr_1", "re_1", "", "apr_" + "0" * 32):
        with pytest.raises(UnknownApproval):
            await panel.approvals.approval(ann, unknown)
    assert (await panel.approvals.approval(ann, made.id)).id == made.id


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"digest": OTHER}, ApprovedSomethingElse),
        ({"digest": DIGEST.upper()}, ApprovedSomethingElse),
        ({"digest": ""}, ApprovedSomethingElse),
        ({"kind": "payout"}, ApprovedSomethingElse),
        ({"mode": Mode.LIVE}, UnknownApproval),
        ({"tenant": PLATFORM}, UnknownApproval),
        ({"approval": "apr_" + "0" * 32}, UnknownApproval),
    ],
)
async def test_an_approval_buys_exactly_what_was_approved(
    panel: Panel, change: dict[str, object], refused: type[Exception]
):
    made = await panel.approved(await panel.person(), await panel.person())
    with pytest.raises(refused):
        await panel.approvals.spend(replace(panel.spending(made), **change))  # pyright: ignore[reportArgumentType]
    spent = await panel.approvals.spend(panel.spending(made))
    assert spent.state is ApprovalState.SPENT, "the control"


async def test_what_is_open_rejected_or_over_buys_nothing(panel: Panel):
    ann, bob = await panel.person(), await panel.person()
    made = await panel.proposal(ann)
    with pytest.raises(ApprovalOpen):
        await panel.approvals.spend(panel.spending(made))
    await panel.approvals.reject(Decide(bob, made.id, "no"))
    with pytest.raises(ApprovalRejected):
        await panel.approvals.spend(panel.spending(made))
    with pytest.raises(ApprovalDecided):
        await panel.approvals.approve(Decide(bob, made.id))
    late, unused = await panel.proposal(ann), await panel.approved(ann, bob)
    panel.clock.move(timedelta(days=7))
    with pytest.raises(ApprovalExpired):
        await panel.approvals.approve(Decide(bob, late.id))
    with pytest.raises(ApprovalExpired):
        await panel.approvals.spend(panel.spending(unused))


async def test_whoever_proposed_may_take_it_back(panel: Panel):
    ann = await panel.person()
    made = await panel.proposal(ann)
    for _ in range(2):
        taken = await panel.approvals.reject(Decide(ann, made.id))
        assert taken.state is ApprovalState.REJECTED


async def test_as_many_people_as_were_asked_for_must_agree(panel: Panel):
    ann, bob, cleo = [await panel.person() for _ in range(3)]
    made = await panel.proposal(ann, approvers=2)
    for _ in range(3):
        agreed = await panel.approvals.approve(Decide(bob, made.id))
        assert agreed.state is ApprovalState.OPEN
    with pytest.raises(ApprovalOpen):
        await panel.approvals.spend(panel.spending(made))
    agreed = await panel.approvals.approve(Decide(cleo, made.id))
    assert agreed.state is ApprovalState.APPROVED
    assert {one.person for one in agreed.decisions} == {bob.subject, cleo.subject}


async def test_who_agreed_may_still_say_no_while_it_is_open(panel: Panel):
    ann, bob = await panel.person(), await panel.person()
    made = await panel.proposal(ann, approvers=2)
    await panel.approvals.approve(Decide(bob, made.id))
    assert (await panel.approvals.reject(Decide(bob, made.id))).state is ApprovalState.REJECTED


async def test_proposing_again_is_the_same_proposal(panel: Panel):
    ann = await panel.person()
    asked = panel.proposing(ann)
    made = await panel.approvals.propose(asked)
    panel.clock.move(timedelta(minutes=1))
    assert await panel.approvals.propose(asked) == made
    with pytest.raises(AlreadyProposed):
        await panel.approvals.propose(replace(asked, digest=OTHER))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ""},
        {"kind": "Refund"},
        {"digest": "abc"},
        {"digest": DIGEST.upper()},
        {"summary": ""},
        {"summary": "a\nb"},
        {"approvers": 0},
        {"approvers": 6},
    ],
)
async def test_a_malformed_proposal_is_refused(panel: Panel, change: dict[str, object]):
    ann = await panel.person()
    with pytest.raises(MalformedProposal):
        await panel.proposal(ann, **change)
    with pytest.raises(MalformedProposal):
        await panel.proposal(ann, expires_at=panel.clock.now())


async def test_a_program_asks_for_one_person_at_least_beside_its_own(panel: Panel):
    ann = await panel.person()
    program = replace(ann, caller=Caller.CLIENT, subject="cli_of_ann")
    for approvers in (0, 5):
        with pytest.raises(MalformedProposal):
            await panel.proposal(program, approvers=approvers)
    assert (await panel.proposal(program)).approvers == 2


@pytest.mark.catalogue("T54")
async def test_an_approval_is_used_once_whoever_races(panel: Panel):
    ann, bob = await panel.person(), await panel.person()
    twice = lost = 0
    for _ in range(40):
        made = await panel.approved(ann, bob)
        outcomes = await asyncio.gather(
            *(
                panel.approvals.spend(panel.spending(made, use=f"re_{number}"))
                for number in range(6)
            ),
            return_exceptions=True,
        )
        won = [one for one in outcomes if not isinstance(one, BaseException)]
        assert all(isinstance(one, ApprovalSpent) for one in outcomes if one not in won)
        twice += len(won) > 1
        lost += not won
    assert (twice, lost) == (0, 0)


@pytest.mark.catalogue("T54")
async def test_the_race_would_be_lost_without_the_lock(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
):
    """The negative control: the same race finds a service that looks first and writes later."""

    async def spend_anyway(*_: object) -> bool:
        await asyncio.sleep(0)
        return True

    ann, bob = await panel.person(), await panel.person()
    made = await panel.approved(ann, bob)
    monkeypatch.setattr(store, "lock", store.find)
    monkeypatch.setattr(store, "spend", spend_anyway)
    outcomes = await asyncio.gather(
        *(panel.approvals.spend(panel.spending(made, use=f"re_{n}")) for n in range(6)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, BaseException) for one in outcomes) > 1


async def test_decisions_race_to_one_outcome(panel: Panel):
    ann, bob, cleo = [await panel.person() for _ in range(3)]
    for _ in range(20):
        made = await panel.proposal(ann)
        yes = panel.approvals.approve(Decide(bob, made.id))
        no = panel.approvals.reject(Decide(cleo, made.id))
        outcomes = await asyncio.gather(yes, no, return_exceptions=True)
        assert sum(isinstance(one, ApprovalDecided) for one in outcomes) == 1


async def test_what_is_over_is_marked_and_told(panel: Panel):
    ann, bob = await panel.person(), await panel.person()
    await panel.proposal(ann)
    await panel.approved(ann, bob)
    spent = await panel.approved(ann, bob)
    await panel.approvals.spend(panel.spending(spent))
    assert await panel.approvals.expire() == 0
    panel.clock.move(timedelta(days=7))
    page = await panel.approvals.approvals(ApprovalsOf(ann, panel.merchant, ApprovalState.EXPIRED))
    assert len(page.approvals) == 2, "known to be over before anybody marked it"
    assert await panel.approvals.expire() == 2
    assert await panel.approvals.expire() == 0
    await panel.sequencer.step()
    told = [fed.event.type.partition(".")[2] for fed in await panel.feed.read(0, 100)]
    assert told == [
        "proposed",
        *("proposed", "approved"),
        *("proposed", "approved"),
        "spent",
        *("expired", "expired"),
    ]


async def test_lists_go_on_where_a_page_ends(panel: Panel):
    ann = await panel.person()
    made: list[str] = []
    for kind in ("refund", "rule") * 3:
        made.append((await panel.proposal(ann, kind=kind)).id)
        panel.clock.move(timedelta(seconds=1))
    first = await panel.approvals.approvals(ApprovalsOf(ann, panel.merchant, limit=4))
    assert [one.id for one in first.approvals] == made[::-1][:4]
    assert first.has_more
    rest = await panel.approvals.approvals(
        ApprovalsOf(ann, panel.merchant, limit=4, after=first.approvals[-1].id)
    )
    assert [one.id for one in rest.approvals] == made[::-1][4:]
    rules_only = await panel.approvals.approvals(ApprovalsOf(ann, panel.merchant, kind="rule"))
    assert len(rules_only.approvals) == 3


OWN_YES = """
INSERT INTO approvals.decision
SELECT id, proposer, 'approve', '', proposed_at FROM approvals.approval
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approvals.approval SET state = 'spent', spent_for = 'x', spent_at = proposed_at",
        "UPDATE approvals.approval SET state = 'approved'",
        "UPDATE approvals.approval SET digest = digest",
        "DELETE FROM approvals.approval",
        "UPDATE approvals.decision SET person = 'mem_x'",
        "DELETE FROM approvals.decision",
        OWN_YES,
    ],
)
async def test_the_database_refuses_what_the_service_would_never_do(panel: Panel, statement: str):
    made = await panel.proposal(await panel.person())
    with psycopg.connect(panel.database.module_dsn("approvals")) as connection:
        assert connection.execute("SELECT count(*) FROM approvals.approval").fetchone() == (1,)
        with pytest.raises(psycopg.Error):
            connection.execute(statement.encode())
    agreed = await panel.approvals.approve(Decide(await panel.person(), made.id))
    assert agreed.state is ApprovalState.APPROVED, "the control"


async def test_over_http(panel: Panel):
    member = await panel.make.member(panel.merchant, Role.FINANCE)
    token = await panel.token(member)
    ann = await panel.person()
    made = await panel.proposal(ann)
    panel.clock.move(timedelta(seconds=1))
    mine = await panel.proposal(await panel.entered(member))
    listed = await panel.ask("GET", "/v1/approvals?state=open", token)
    assert [one["id"] for one in listed.json()["data"]] == [mine.id, made.id]
    refused = await panel.ask("POST", f"/v1/approvals/{mine.id}/approve", token, {})
    assert (refused.status_code, refused.json()["code"]) == (403, "self_approval")
    agreed = await panel.ask("POST", f"/v1/approvals/{made.id}/approve", token, {"reason": "ok"})
    assert (agreed.status_code, agreed.json()["state"]) == (200, "approved")
    gone = await panel.ask("POST", f"/v1/approvals/{made.id}/reject", token, {})
    assert (gone.status_code, gone.json()["code"]) == (409, "approval_decided")
    one = await panel.ask("GET", f"/v1/approvals/{made.id}", token)
    assert one.json()["decisions"][0]["person"] == member.id


async def test_a_key_is_turned_away_at_the_door(panel: Panel):
    made = await panel.proposal(await panel.person())
    key = await panel.make.key(panel.merchant, KeyKind.SECRET, Role.ADMIN)
    answer = await panel.ask("POST", f"/v1/approvals/{made.id}/approve", key.secret.reveal(), {})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    seen = await panel.ask("GET", f"/v1/approvals/{made.id}", key.secret.reveal())
    assert seen.status_code == 200, "a key may look"

"""The service behind the door: each step locks its approval, asks the rules, tells the feed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor, Caller
from bezant.approvals import rules, store
from bezant.approvals.port import (
    PAGE_MAX,
    AlreadyProposed,
    Approval,
    ApprovalExpired,
    ApprovalPage,
    ApprovalsOf,
    ApprovalState,
    Decide,
    Decision,
    Makers,
    Propose,
    Spend,
    UnknownApproval,
    Verdict,
)
from bezant.approvals.store import ApprovalRow, DecisionRow
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.ids import Ids, MalformedId, read, spell

PREFIX: Final = "apr"
MODULE: Final = "approvals"
EXPIRED_AT_ONCE: Final = 500
_log = telemetry.log("approvals")


class ApprovalsService:
    """Implements `Approvals`."""

    def __init__(
        self, database: Database, clock: Clock, ids: Ids, outbox: Outbox, makers: Makers
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._outbox = outbox
        self._makers = makers

    async def propose(self, command: Propose) -> Approval:
        """Ask for approval, once."""
        rules.visible(command.by, command.tenant, command.by.mode)
        now = self._clock.now()
        expires_at = rules.proposed(command, now)
        row = ApprovalRow(
            id=read(PREFIX, command.id, "id"),
            tenant=command.tenant,
            mode=command.by.mode,
            kind=command.kind,
            subject=command.subject,
            summary=command.summary,
            digest=bytes.fromhex(command.digest),
            permission=command.permission,
            approvers=rules.approvers(command),
            state=ApprovalState.OPEN,
            proposed_by=command.by.subject,
            proposer=await self._person(command.by),
            proposed_at=now,
            expires_at=expires_at,
            spent_for="",
            spent_at=None,
        )
        async with self._database.transaction() as tx:
            if await store.add(tx, row):
                await self._tell(tx, "approval.proposed", self._told(row, ()))
            else:
                found = await self._found(tx, row.id)
                _same(found, row, asked_for_expiry=command.expires_at is not None)
                return (await self._complete(tx, [found]))[0]
        return self._told(row, ())

    async def approve(self, command: Decide) -> Approval:
        """Agree."""
        async with self._database.transaction() as tx:
            row, approval = await self._locked(tx, command.approval)
            rules.may_approve(command.by, approval, row.proposer)
            if _said(approval, command.by, Verdict.APPROVE):
                return approval
            rules.undecided(approval)
            approval = await self._decide(tx, row, approval, command, Verdict.APPROVE)
            agreed = [one for one in approval.decisions if one.verdict is Verdict.APPROVE]
            if len(agreed) >= approval.approvers:
                approval = await self._move(tx, row, approval, ApprovalState.APPROVED)
        _log.info("approval.agreed", approval=approval.id, by=command.by.subject)
        return approval

    async def reject(self, command: Decide) -> Approval:
        """Say no, for good."""
        async with self._database.transaction() as tx:
            row, approval = await self._locked(tx, command.approval)
            rules.may_decide(command.by, approval)
            if _said(approval, command.by, Verdict.REJECT):
                return approval
            rules.undecided(approval)
            approval = await self._decide(tx, row, approval, command, Verdict.REJECT)
            approval = await self._move(tx, row, approval, ApprovalState.REJECTED)
        _log.info("approval.refused", approval=approval.id, by=command.by.subject)
        return approval

    async def spend(self, command: Spend) -> Approval:
        """Use an approval, once, for exactly what was approved."""
        async with self._database.transaction() as tx:
            row, approval = await self._locked(tx, command.approval)
            if not rules.spendable(approval, command):
                return approval
            now = self._clock.now()
            if not await store.spend(tx, row.id, command.use, now):
                raise ApprovalExpired  # Since the line above.
            approval = replace(
                approval, state=ApprovalState.SPENT, spent_for=command.use, spent_at=now
            )
            await self._tell(tx, "approval.spent", approval)
        _log.info("approval.spent", approval=approval.id, use=command.use)
        return approval

    async def approval(self, by: Actor, approval: str) -> Approval:
        """Return one approval."""
        async with self._database.transaction() as tx:
            found = (await self._complete(tx, [await self._found(tx, _number(approval))]))[0]
        rules.visible(by, found.tenant, found.mode)
        return found

    async def approvals(self, query: ApprovalsOf) -> ApprovalPage:
        """Return a page of approvals."""
        rules.visible(query.by, query.tenant, query.by.mode)
        limit = max(1, min(query.limit, PAGE_MAX))
        after = read(PREFIX, query.after, "after") if query.after else None
        async with self._database.transaction() as tx:
            rows = await store.page(
                tx,
                query.tenant,
                query.by.mode,
                query.state,
                query.kind,
                after,
                self._clock.now(),
                limit + 1,
            )
            found = await self._complete(tx, rows[:limit])
        return ApprovalPage(tuple(found), has_more=len(rows) > limit)

    async def expire(self) -> int:
        """End what nobody decided or used in time; returns how many."""
        async with self._database.transaction() as tx:
            rows = await store.overdue(tx, self._clock.now(), EXPIRED_AT_ONCE)
            for row, approval in zip(rows, await self._complete(tx, rows), strict=True):
                await store.move(tx, row.id, row.state, ApprovalState.EXPIRED)
                await self._tell(tx, "approval.expired", approval)
        return len(rows)

    async def _person(self, by: Actor) -> str:
        """Return who stands behind a caller: for a key, whoever made it."""
        return await self._makers.maker_of(by) if by.caller is Caller.KEY else by.subject

    async def _found(self, tx: Tx, approval_id: UUID) -> ApprovalRow:
        row = await store.find(tx, approval_id)
        if row is None:
            raise UnknownApproval
        return row

    async def _locked(self, tx: Tx, approval: str) -> tuple[ApprovalRow, Approval]:
        row = await store.lock(tx, _number(approval))
        if row is None:
            raise UnknownApproval
        return row, (await self._complete(tx, [row]))[0]

    async def _complete(self, tx: Tx, rows: Sequence[ApprovalRow]) -> list[Approval]:
        said = await store.decisions(tx, [row.id for row in rows]) if rows else []
        return [self._told(row, [one for one in said if one.approval_id == row.id]) for row in rows]

    async def _decide(
        self, tx: Tx, row: ApprovalRow, approval: Approval, command: Decide, verdict: Verdict
    ) -> Approval:
        said = DecisionRow(
            row.id,
            command.by.subject,
            verdict,
            rules.reason(command.reason),
            self._clock.now(),
        )
        await store.decide(tx, said)
        return replace(approval, decisions=(*approval.decisions, _decision(said)))

    async def _move(
        self, tx: Tx, row: ApprovalRow, approval: Approval, after: ApprovalState
    ) -> Approval:
        moved = await store.move(tx, row.id, ApprovalState.OPEN, after)
        assert moved, "it is locked and open"
        approval = replace(approval, state=after)
        await self._tell(tx, f"approval.{after}", approval)
        return approval

    async def _tell(self, tx: Tx, what: str, approval: Approval) -> None:
        await self._outbox.append(
            tx,
            Event(
                id=self._ids.new("evt"),
                type=what,
                version=1,
                mode=approval.mode,
                tenant=approval.tenant,
                subject=approval.id,
                occurred_at=self._clock.now(),
                data=_snapshot(approval),
            ),
        )

    def _told(self, row: ApprovalRow, said: Sequence[DecisionRow]) -> Approval:
        over = row.expires_at <= self._clock.now()
        unused = row.state in (ApprovalState.OPEN, ApprovalState.APPROVED)
        return Approval(
            id=spell(PREFIX, row.id),
            tenant=row.tenant,
            mode=row.mode,
            kind=row.kind,
            subject=row.subject,
            summary=row.summary,
            digest=row.digest.hex(),
            permission=row.permission,
            approvers=row.approvers,
            state=ApprovalState.EXPIRED if over and unused else row.state,
            proposed_by=row.proposed_by,
            proposed_at=row.proposed_at,
            expires_at=row.expires_at,
            decisions=tuple(_decision(one) for one in said),
            spent_for=row.spent_for,
            spent_at=row.spent_at,
        )


def _number(approval: str) -> UUID:
    try:
        return read(PREFIX, approval)
    except MalformedId:
        raise UnknownApproval from None


def _said(approval: Approval, by: Actor, verdict: Verdict) -> bool:
    return any(one.person == by.subject and one.verdict is verdict for one in approval.decisions)


def _same(found: ApprovalRow, asked: ApprovalRow, *, asked_for_expiry: bool) -> None:
    """Refuse an id that was used for something else."""
    names = ("tenant", "mode", "kind", "subject", "summary", "digest", "permission", "approvers")
    names += ("proposed_by", "expires_at") if asked_for_expiry else ("proposed_by",)
    if any(getattr(found, name) != getattr(asked, name) for name in names):
        raise AlreadyProposed(field="id")


def _decision(row: DecisionRow) -> Decision:
    return Decision(row.person, row.verdict, row.reason, row.decided_at)


def _snapshot(approval: Approval) -> dict[str, object]:
    return {
        "id": approval.id,
        "kind": approval.kind,
        "subject": approval.subject,
        "digest": approval.digest,
        "proposed_by": approval.proposed_by,
        "expires_at": approval.expires_at.isoformat(),
        "agreed_by": [one.person for one in approval.decisions if one.verdict is Verdict.APPROVE],
        "spent_for": approval.spent_for,
    }

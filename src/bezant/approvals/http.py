"""Approvals over HTTP: what waits for somebody, and saying yes or no to it."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from bezant.actor import Mode
from bezant.approvals.port import (
    REASON_CHARACTERS_MAX,
    Approval,
    Approvals,
    ApprovalsOf,
    ApprovalState,
    Decide,
    Verdict,
)
from bezant.errors import Invalid
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import Asker, Routes

BODY_BYTES_MAX = 8_192


class DecisionBody(BaseModel):
    """Why, if one likes to say so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, Field(max_length=REASON_CHARACTERS_MAX)] = ""


class DecisionAnswer(BaseModel):
    """What somebody said."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    person: str
    verdict: Verdict
    reason: str
    decided_at: datetime


class ApprovalAnswer(BaseModel):
    """A proposal and what became of it."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: str
    tenant: str
    mode: Mode
    kind: str
    subject: str
    summary: str
    digest: str
    permission: str
    approvers: int
    state: ApprovalState
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decisions: list[DecisionAnswer]
    spent_for: str
    spent_at: datetime | None


def routes(approvals: Approvals) -> Routes:
    """Return every route of approvals."""
    made = Routes("approvals")

    @made.get("/v1/approvals", permission="approvals.read", summary="What waits for somebody")
    async def listed(
        asker: Asker,
        page: PageQuery,
        state: ApprovalState | None = None,
        kind: Annotated[str | None, Query(max_length=40)] = None,
        tenant: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Page[ApprovalAnswer]:
        if page.ending_before is not None:
            raise Invalid("this list is read forward: use starting_after", field="ending_before")
        found = await approvals.approvals(
            ApprovalsOf(asker, tenant or asker.tenant, state, kind, page.limit, page.starting_after)
        )
        return Page(data=[_told(one) for one in found.approvals], has_more=found.has_more)

    @made.get("/v1/approvals/{approval}", permission="approvals.read", summary="One approval")
    async def one(approval: str, asker: Asker) -> ApprovalAnswer:
        return _told(await approvals.approval(asker, approval))

    @made.post(
        "/v1/approvals/{approval}/approve",
        permission="approvals.write",
        status=200,
        body_bytes_max=BODY_BYTES_MAX,
        summary="Say yes",
    )
    async def approve(approval: str, asker: Asker, body: DecisionBody) -> ApprovalAnswer:
        return _told(await approvals.approve(Decide(asker, approval, body.reason)))

    @made.post(
        "/v1/approvals/{approval}/reject",
        permission="approvals.write",
        status=200,
        body_bytes_max=BODY_BYTES_MAX,
        summary="Say no",
    )
    async def reject(approval: str, asker: Asker, body: DecisionBody) -> ApprovalAnswer:
        return _told(await approvals.reject(Decide(asker, approval, body.reason)))

    del listed, one, approve, reject
    return made


def _told(approval: Approval) -> ApprovalAnswer:
    return ApprovalAnswer.model_validate(approval)

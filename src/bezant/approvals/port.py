"""Four eyes: somebody proposes, another person approves, and the approval is spent once.

An approval is bound to the SHA-256 of exactly what is to be done. Whoever does it spends the
approval first, with the digest of what they are about to do: another payload, another kind, an
approval that is open, rejected, expired or spent already buys nothing. People approve, never keys;
nobody approves what they proposed themselves, by whatever key, session or membership they came.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bezant.actor import Actor, Mode
from bezant.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from bezant.events import Feed

PAGE_MAX = 100
APPROVERS_MAX = 5
SUMMARY_CHARACTERS_MAX = 500
REASON_CHARACTERS_MAX = 500
DAYS_DEFAULT = 7
DAYS_MAX = 90


class ApprovalState(StrEnum):
    """Where an approval is in its life."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SPENT = "spent"


class Verdict(StrEnum):
    """What one person said."""

    APPROVE = "approve"
    REJECT = "reject"


class UnknownApproval(NotFound):
    """There is no such approval."""

    code = "unknown_approval"


class SelfApproval(Forbidden):
    """Nobody approves what they proposed themselves."""

    code = "self_approval"


class PeopleApprove(Forbidden):
    """Only a person who is logged in approves; a key or a program does not."""

    code = "people_approve"


class ApproverLacksRight(Forbidden):
    """Whoever approves something must be allowed to do it."""

    code = "approver_lacks_right"


class ApprovalExpired(Refused):
    """The time to approve or use this is over."""

    code = "approval_expired"


class ApprovalRejected(Refused):
    """This was rejected."""

    code = "approval_rejected"


class ApprovalOpen(Refused):
    """This is not approved yet."""

    code = "approval_open"


class ApprovalSpent(Conflict):
    """This approval was used already."""

    code = "approval_spent"


class ApprovalDecided(Conflict):
    """This was decided already."""

    code = "approval_decided"


class ApprovedSomethingElse(Refused):
    """What was approved is not what is to be done."""

    code = "approved_something_else"


class AlreadyProposed(Conflict):
    """This id was used before for another proposal."""

    code = "already_proposed"


class MalformedProposal(Invalid):
    """A proposal's parts do not fit together."""

    code = "malformed_proposal"


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask for approval of something."""

    id: str
    """`apr_…`, made by whoever asks: asking again with it is safe."""
    by: Actor
    tenant: str
    kind: str
    """What it is, such as `refund`."""
    subject: str
    """The id of the thing it is about."""
    summary: str
    """What an approver reads: what will happen, in a sentence."""
    digest: str
    """SHA-256, in hex, of exactly what is to be done."""
    permission: str
    """What an approver must hold beside `approvals.write`, such as `refunds.write`."""
    approvers: int = 1
    """How many different people must agree."""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decide:
    """Say yes or no to a proposal."""

    by: Actor
    approval: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Spend:
    """Use an approval for the one thing it was given for."""

    approval: str
    tenant: str
    mode: Mode
    kind: str
    digest: str
    """Of what is about to be done."""
    use: str
    """Names this use. Spending again for the same use, after a lost answer, is the same one."""


@dataclass(frozen=True, slots=True)
class ApprovalsOf:
    """Ask for a tenant's approvals, newest first."""

    by: Actor
    tenant: str
    state: ApprovalState | None = None
    kind: str | None = None
    limit: int = 20
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person said, and when."""

    person: str
    verdict: Verdict
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A proposal and what became of it."""

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
    decisions: tuple[Decision, ...]
    spent_for: str
    spent_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """A page of approvals."""

    approvals: tuple[Approval, ...]
    has_more: bool


class Approvals(Protocol):
    """Proposals and what people say to them."""

    async def propose(self, command: Propose) -> Approval:
        """Ask for approval, once."""
        ...

    async def approve(self, command: Decide) -> Approval:
        """Agree. Agreeing again changes nothing."""
        ...

    async def reject(self, command: Decide) -> Approval:
        """Say no, for good. Whoever proposed may do so, too."""
        ...

    async def spend(self, command: Spend) -> Approval:
        """Use an approval, once, for exactly what was approved."""
        ...

    async def approval(self, by: Actor, approval: str) -> Approval:
        """Return one approval."""
        ...

    async def approvals(self, query: ApprovalsOf) -> ApprovalPage:
        """Return a page of approvals."""
        ...


class ApprovalsFeed(Feed, Protocol):
    """What happened to approvals: `approval.proposed`, `.approved`, `.rejected`, `.expired`,
    `.spent`.
    """


class Makers(Protocol):
    """Knows which person stands behind a key."""

    async def maker_of(self, key: Actor) -> str:
        """Return the id of who made this key."""
        ...

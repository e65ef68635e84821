"""What may be proposed, who may approve it, and when an approval is worth something. Pure."""

import re
from datetime import datetime, timedelta
from typing import Final

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.approvals.port import (
    APPROVERS_MAX,
    DAYS_DEFAULT,
    DAYS_MAX,
    REASON_CHARACTERS_MAX,
    SUMMARY_CHARACTERS_MAX,
    Approval,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalOpen,
    ApprovalRejected,
    ApprovalSpent,
    ApprovalState,
    ApprovedSomethingElse,
    ApproverLacksRight,
    MalformedProposal,
    PeopleApprove,
    Propose,
    SelfApproval,
    Spend,
    UnknownApproval,
)
from bezant.secret import holds_card_number

PERMISSION: Final = "approvals.write"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_KIND: Final = re.compile(r"[a-z][a-z_]{0,39}\Z")


def proposed(command: Propose, now: datetime) -> datetime:
    """Refuse a proposal that nobody could decide on; return when it expires."""
    if not _KIND.match(command.kind):
        raise MalformedProposal("a kind is a word in lower-case letters", field="kind")
    if not _DIGEST.match(command.digest):
        raise MalformedProposal("a digest is a SHA-256 in hex", field="digest")
    if not 0 < len(command.summary) <= SUMMARY_CHARACTERS_MAX or not command.summary.isprintable():
        raise MalformedProposal("say in a sentence what will happen", field="summary")
    if command.approvers < 1 or approvers(command) > APPROVERS_MAX:
        raise MalformedProposal(f"1 to {APPROVERS_MAX} people approve", field="approvers")
    expires_at = command.expires_at or now + timedelta(days=DAYS_DEFAULT)
    if not now < expires_at <= now + timedelta(days=DAYS_MAX):
        raise MalformedProposal(f"it expires within {DAYS_MAX} days", field="expires_at")
    return expires_at


def approvers(command: Propose) -> int:
    """Return how many people must agree: one more to what a program proposes by its own token.

    Of a key we know who made it, and they may not agree. A client's key lies with whoever runs the
    program, who may be a member, too: of two who agree, one is somebody else.
    """
    return command.approvers + (command.by.caller is Caller.CLIENT)


def visible(by: Actor, tenant: str, mode: Mode) -> None:
    """Refuse who belongs elsewhere: for them there is no such thing."""
    if by.tenant not in (PLATFORM, tenant) or by.mode is not mode:
        raise UnknownApproval


def may_decide(by: Actor, approval: Approval) -> None:
    """Refuse who is no person, or lacks the right to what is proposed."""
    visible(by, approval.tenant, approval.mode)
    if by.caller is not Caller.MEMBER:
        raise PeopleApprove
    if not (by.may(PERMISSION) and by.may(approval.permission)):
        raise ApproverLacksRight


def may_approve(by: Actor, approval: Approval, proposer: str) -> None:
    """Refuse whoever may not say yes, first of all who proposed it."""
    may_decide(by, approval)
    if by.subject in (proposer, approval.proposed_by):
        raise SelfApproval


def reason(text: str) -> str:
    """Return why somebody decided so, fit to be stored and shown."""
    text = text.strip()
    if len(text) > REASON_CHARACTERS_MAX or (text and not text.isprintable()):
        raise MalformedProposal(
            f"a reason has at most {REASON_CHARACTERS_MAX} characters in one line", field="reason"
        )
    if holds_card_number(text):
        raise MalformedProposal("a card's number does not belong here", field="reason")
    return text


def undecided(approval: Approval) -> None:
    """Refuse to decide what was decided."""
    match approval.state:
        case ApprovalState.OPEN:
            return
        case ApprovalState.EXPIRED:
            raise ApprovalExpired
        case _:
            raise ApprovalDecided(facts={"state": approval.state})


def spendable(approval: Approval, command: Spend) -> bool:
    """Tell whether this is to be spent now; False if this very use spent it before."""
    if approval.tenant != command.tenant or approval.mode is not command.mode:
        raise UnknownApproval
    if approval.kind != command.kind or approval.digest != command.digest:
        raise ApprovedSomethingElse
    match approval.state:
        case ApprovalState.APPROVED:
            return True
        case ApprovalState.SPENT if approval.spent_for == command.use:
            return False
        case ApprovalState.SPENT:
            raise ApprovalSpent
        case ApprovalState.OPEN:
            raise ApprovalOpen
        case ApprovalState.REJECTED:
            raise ApprovalRejected
        case ApprovalState.EXPIRED:
            raise ApprovalExpired

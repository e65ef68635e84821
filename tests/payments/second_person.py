"""Approvals as a test decides them."""

from bezant.actor import Actor
from bezant.approvals.port import (
    Approval,
    ApprovalOpen,
    ApprovalPage,
    ApprovalRejected,
    ApprovalsOf,
    ApprovedSomethingElse,
    Decide,
    Propose,
    Spend,
)


class Nobody:
    """There is nobody to ask, and nobody may be asked."""

    async def propose(self, command: Propose) -> Approval:
        raise AssertionError(command)

    async def approve(self, command: Decide) -> Approval:
        raise AssertionError(command)

    async def reject(self, command: Decide) -> Approval:
        raise AssertionError(command)

    async def spend(self, command: Spend) -> Approval:
        raise AssertionError(command)

    async def approval(self, by: Actor, approval: str) -> Approval:
        raise AssertionError((by, approval))

    async def approvals(self, query: ApprovalsOf) -> ApprovalPage:
        raise AssertionError(query)


class SecondPerson(Nobody):
    """Says yes or no when the test does; an approval is spent once, for what was proposed."""

    def __init__(self) -> None:
        self.proposed: dict[str, Propose] = {}
        self.says: dict[str, bool] = {}
        self.spent: dict[str, str] = {}

    async def propose(self, command: Propose) -> Approval:
        known = self.proposed.setdefault(command.id, command)
        assert known == command, "the same approval is asked for the same thing"
        return _answer()

    async def spend(self, command: Spend) -> Approval:
        said = self.says.get(command.approval)
        if said is None:
            raise ApprovalOpen
        if not said:
            raise ApprovalRejected
        if self.proposed[command.approval].digest != command.digest:
            raise ApprovedSomethingElse
        assert self.spent.setdefault(command.approval, command.use) == command.use
        return _answer()


def _answer() -> Approval:
    """Nobody reads it."""
    return None  # pyright: ignore[reportReturnType]

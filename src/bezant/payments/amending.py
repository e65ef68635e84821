"""Changes of the rules of routing and fees. What merchants are charged is not one person's to
decide: a change of fees waits until a second one agrees, to exactly these rules in place of exactly
those that are in force. A change of routing alone holds at once.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from bezant import ids, telemetry
from bezant.actor import PLATFORM, Caller, Mode
from bezant.approvals.port import (
    ApprovalExpired,
    ApprovalOpen,
    ApprovalRejected,
    Approvals,
    Propose,
    Spend,
    UnknownApproval,
)
from bezant.db.faults import ConstraintViolated
from bezant.errors import BezantError
from bezant.payments.codes import TERMS_STATE_NUMBERS
from bezant.payments.parts import Parts
from bezant.payments.port import WAITING_TERMS_MAX, TermsBusy, TermsChanged, UnknownTermsChange
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.rule import ChangeTerms, FeeRule, Terms, TermsChange, TermsState
from bezant.payments.ruling import check
from bezant.payments.store import rules as kept
from bezant.payments.store import terms as stored

_log = telemetry.log("payments")
KIND: Final = "terms"
PERMISSION: Final = "settings.write"
UNASKED_LIFE: Final = timedelta(hours=1)
SUMMARY_CHARACTERS_MAX: Final = 400
FEES_SAID_MAX: Final = 5


class Amending:
    """Takes changes of the rules, and puts them in force."""

    def __init__(self, parts: Parts, approvals: Approvals) -> None:
        self._parts = parts
        self._approvals = approvals

    async def change(self, command: ChangeTerms) -> TermsChange:
        """Put new rules in force, or ask for the agreement that they need."""
        parts, by = self._parts, command.by
        check(parts, command.terms)
        now = parts.clock.now()
        current = await self.current()
        if command.instead_of not in (None, current):
            raise TermsChanged
        waits = by.caller is not Caller.MODULE and command.terms.fees != current.fees
        row = _row(command, parts.ids.uuid(), current, now, waits=waits)
        if not waits:
            await self._put_in_force(row, fresh=True)
            return row.spelled()
        row = await self._waiting(row)
        await self._approvals.propose(
            Propose(
                id=row.approval or "",
                by=by,
                tenant=PLATFORM,
                kind=KIND,
                subject=row.spelled_id,
                summary=summary(command.terms, current),
                digest=digest(row),
                permission=PERMISSION,
            )
        )
        return row.spelled()

    async def current(self) -> Terms:
        """Return the rules that are in force: who changes them has to see them as they are, and
        not as this process remembers them.
        """
        database = self._parts.database
        return Terms(tuple(await kept.routing(database)), tuple(await kept.fees(database)))

    async def one(self, change: str) -> TermsChange:
        """Return one change."""
        row = await stored.change(self._parts.database, ids.read("trm", change, "change"))
        if row is None:
            raise UnknownTermsChange
        return row.spelled()

    async def take_up_approved(self) -> int:
        """Put in force what was agreed to, end what was not; return how many were decided."""
        decided = 0
        for row in await stored.waiting(self._parts.database):
            try:
                decided += await self._take_up(row)
            except BezantError as error:
                _log.warn("terms.wait", change=row.spelled_id, code=error.code)
            except ConstraintViolated as error:
                # They were never rules that can be kept, and hold up nobody else's.
                _log.error("terms.impossible", error, change=row.spelled_id)
                decided += await self._rejected(row)
        return decided

    async def _waiting(self, row: stored.ChangeRow) -> stored.ChangeRow:
        """Store a change that has to wait, or return the same one that waits already."""
        async with self._parts.database.transaction() as tx:
            await stored.hold(tx)
            waiting = await stored.waiting(tx)
            for one in waiting:
                if _is_same(one, row):
                    return one
            if len(waiting) >= WAITING_TERMS_MAX:
                raise TermsBusy
            await stored.add(tx, row)
        return row

    async def _take_up(self, row: stored.ChangeRow) -> bool:
        spend = Spend(row.approval or "", PLATFORM, row.mode, KIND, digest(row), row.spelled_id)
        try:
            await self._approvals.spend(spend)
        except ApprovalOpen:
            return False
        except UnknownApproval:
            # Stored, and then nobody could be asked: asking again made it whole, or nobody did.
            late = self._parts.clock.now() - row.proposed_at > UNASKED_LIFE
            return late and await self._rejected(row)
        except (ApprovalRejected, ApprovalExpired):
            return await self._rejected(row)
        return await self._put_in_force(row, fresh=False)

    async def _rejected(self, row: stored.ChangeRow) -> bool:
        async with self._parts.database.transaction() as tx:
            now = self._parts.clock.now()
            return await stored.decide(tx, row.id, TermsState.REJECTED, now)

    async def _put_in_force(self, row: stored.ChangeRow, *, fresh: bool) -> bool:
        """Replace the rules, if they are still those that this change was made for."""
        parts = self._parts
        async with parts.database.transaction() as tx:
            await stored.hold(tx)
            current = Terms(tuple(await kept.routing(tx)), tuple(await kept.fees(tx)))
            overtaken = _digest_of(current) != row.replaces
            if fresh and overtaken:
                raise TermsBusy(retry_after_seconds=AGAIN_SECONDS)
            if fresh:
                await stored.add(tx, row)
            else:
                state = TermsState.OVERTAKEN if overtaken else TermsState.IN_FORCE
                if not await stored.decide(tx, row.id, state, parts.clock.now()):
                    return False
            if not overtaken:
                await kept.replace(tx, row.rules)
        parts.rulebook.forget()
        _log.info("terms.changed", change=row.spelled_id, overtaken=overtaken)
        return True


def digest(row: stored.ChangeRow) -> str:
    """Return what is agreed to, and nothing else: these rules instead of those, once."""
    exactly = [
        row.approval, row.live, row.replaces.hex(), msgspec.json.encode(row.rules).decode(),
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(exactly)).hexdigest()


def summary(terms: Terms, current: Terms) -> str:
    """Return what a second person reads first; the whole is read where the subject is shown."""
    fees = "; ".join(_said(one) for one in terms.fees[:FEES_SAID_MAX]) or "none"
    more = len(terms.fees) - FEES_SAID_MAX
    told = f"Charge fees by {len(terms.fees)} rules instead of {len(current.fees)}: {fees}"
    return (told + (f"; and {more} more" if more > 0 else ""))[:SUMMARY_CHARACTERS_MAX]


def _said(rule: FeeRule) -> str:
    words = [f"{rule.percent.normalize():f} %"]
    if rule.fixed:
        words.append(f"+ {rule.fixed} of the smallest unit of {rule.asset}")
    elif rule.asset:
        words.append(f"of {rule.asset}")
    about = [rule.tenant, rule.method.value if rule.method else "", rule.priority]
    return " ".join([*words, *(f"for {one}" for one in about if one)])


def _digest_of(terms: Terms) -> bytes:
    return hashlib.sha256(msgspec.json.encode(terms)).digest()


def _is_same(one: stored.ChangeRow, other: stored.ChangeRow) -> bool:
    return (one.live, one.proposed_by, one.replaces, one.rules) == (
        other.live,
        other.proposed_by,
        other.replaces,
        other.rules,
    )


def _row(
    command: ChangeTerms, change: UUID, current: Terms, now: datetime, *, waits: bool
) -> stored.ChangeRow:
    state = TermsState.NEEDS_APPROVAL if waits else TermsState.IN_FORCE
    return stored.ChangeRow(
        id=change,
        proposed_at=now,
        decided_at=None if waits else now,
        number=TERMS_STATE_NUMBERS[state],
        live=command.by.mode is Mode.LIVE,
        proposed_by=command.by.subject,
        approval=f"apr_{change.hex}" if waits else None,
        replaces=_digest_of(current),
        terms=stored.as_stored(command.terms),
    )

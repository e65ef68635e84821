"""Changes of the rules. What merchants are charged, and how much they may take, is not one person's
to decide: a change of fees or limits waits until a second one agrees, to exactly these rules in
place of exactly those that are in force. A change of routing alone holds at once.
"""

import hashlib
from collections.abc import Sequence
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
from bezant.money import Money, asset_of
from bezant.payments.codes import TERMS_STATE_NUMBERS
from bezant.payments.parts import Parts
from bezant.payments.port import WAITING_TERMS_MAX, TermsBusy, TermsChanged, UnknownTermsChange
from bezant.payments.repeating import AGAIN_SECONDS
from bezant.payments.rule import (
    ChangeTerms,
    FeeRule,
    LimitRule,
    RoutingRule,
    Terms,
    TermsChange,
    TermsState,
)
from bezant.payments.ruling import check
from bezant.payments.store import rules as kept
from bezant.payments.store import terms as stored

_log = telemetry.log("payments")
KIND: Final = "terms"
PERMISSION: Final = "settings.write"
UNASKED_LIFE: Final = timedelta(hours=1)
SUMMARY_CHARACTERS_MAX: Final = 400
RULES_SAID_MAX: Final = 5


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
        waits = by.caller is not Caller.MODULE and _agreed(command.terms) != _agreed(current)
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
        return await kept.terms(self._parts.database)

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
            current = await kept.terms(tx)
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
    exactly = [row.approval, row.live, row.replaces.hex(), _spelled(row.rules).decode()]
    return hashlib.sha256(msgspec.json.encode(exactly)).hexdigest()


def summary(terms: Terms, current: Terms) -> str:
    """Return what a second person reads first; the whole is read where the subject is shown."""
    heads: list[str] = []
    lists: list[str] = []
    if terms.limits != current.limits:
        heads.append(_head("Limit payments", terms.limits, current.limits))
        lists.append("Limits: " + _listed([_limit_said(one) for one in terms.limits]))
    if terms.fees != current.fees:
        heads.append(_head("Charge fees", terms.fees, current.fees))
        lists.append("Fees: " + _listed([_said(one) for one in terms.fees]))
    if terms.routing != current.routing:
        heads.append(_head("Route", terms.routing, current.routing))
        lists.append("Routing: " + _listed([_route_said(one) for one in terms.routing]))
    # All that changes is named before any of it is listed: a long list hides no other.
    said = ". ".join([*heads, *lists])
    if len(said) > SUMMARY_CHARACTERS_MAX:
        return said[: SUMMARY_CHARACTERS_MAX - 1] + "…"
    return said


def _head(what: str, wanted: Sequence[object], held: Sequence[object]) -> str:
    return f"{what} by {len(wanted)} rules instead of {len(held)}"


def _route_said(rule: RoutingRule) -> str:
    about = [rule.tenant, rule.method.value if rule.method else "", rule.asset, rule.country]
    return " ".join([f"{rule.place}. {rule.provider}", *(f"for {one}" for one in about if one)])


def _listed(said: Sequence[str]) -> str:
    more = len(said) - RULES_SAID_MAX
    listed = "; ".join(said[:RULES_SAID_MAX]) or "none"
    return listed + (f"; and {more} more" if more > 0 else "")


def _limit_said(rule: LimitRule) -> str:
    asset = asset_of(rule.asset)
    bounds = (
        ("a payment", rule.per_payment), ("a day", rule.per_day), ("a month", rule.per_month),
    )  # fmt: skip
    said = [f"{Money(most, asset)} {span}" for span, most in bounds if most is not None]
    about = [
        rule.tenant,
        rule.method.value if rule.method else "",
        f"{rule.mode.value} mode" if rule.mode else "",
    ]
    return " ".join([", ".join(said), *(f"for {one}" for one in about if one)])


def _agreed(terms: Terms) -> tuple[object, ...]:
    """Return what needs a second person's agreement."""
    return (terms.fees, terms.limits)


def _said(rule: FeeRule) -> str:
    words = [f"{rule.percent.normalize():f} %"]
    if rule.fixed:
        words.append(f"+ {rule.fixed} of the smallest unit of {rule.asset}")
    elif rule.asset:
        words.append(f"of {rule.asset}")
    about = [rule.tenant, rule.method.value if rule.method else "", rule.priority]
    return " ".join([*words, *(f"for {one}" for one in about if one)])


def _digest_of(terms: Terms) -> bytes:
    return hashlib.sha256(_spelled(terms)).digest()


def _spelled(terms: Terms) -> bytes:
    """Return rules as they are agreed to; those without limits as they were before there were
    any, so that what waits for an agreement goes on waiting.
    """
    if terms.limits:
        return msgspec.json.encode(terms)
    return msgspec.json.encode({"routing": terms.routing, "fees": terms.fees})


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

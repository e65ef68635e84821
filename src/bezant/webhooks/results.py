"""What came of attempts, written down many at once; and the alarms that follow."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from bezant import telemetry
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.ids import Ids, spell, spell_number
from bezant.webhooks import rules
from bezant.webhooks.delivery import DeliveryState, Outcome
from bezant.webhooks.desk import take
from bezant.webhooks.schedule import FAILING_MAX
from bezant.webhooks.store import work
from bezant.webhooks.store.work import Disabled, Result
from bezant.webhooks.telling import PREFIX, Telling

ALARM_VERSION: Final = 1
_log = telemetry.log("webhooks")

Alarm = Callable[[str], None]
"""Counts an alarm by the type of its event."""


class Results:
    """Writes down a batch of results in one transaction. Repeated, it changes nothing."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        nudges: Nudges,
        alarm: Alarm,
        outbox: Outbox | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._nudges = nudges
        self._alarm = alarm
        self._telling = Telling(outbox, ids)

    async def write(self, results: Sequence[Result]) -> list[bool]:
        """Store results; True for those whose claim was still ours."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            settled = await work.settle(tx, results)
            ours = [one for one in results if one.claim.id in settled]
            disabled = await _note_endpoints(tx, ours, now)
            for one in disabled:
                await self._telling.disabled(tx, one, now)
            given_up = [one for one in ours if one.state == DeliveryState.FAILED]
            alarms = [self._of_disabled(one, now) for one in disabled]
            alarms += [
                self._of_given_up(one, now)
                for one in given_up
                if one.claim.type not in rules.ALARMS
            ]
            if alarms:
                await take(tx, self._nudges, alarms, now)
            tx.after_commit(lambda: self._tell(disabled, given_up))
        return [one.claim.id in settled for one in results]

    def _of_disabled(self, one: Disabled, now: datetime) -> Event:
        subject = spell(PREFIX, one.id)
        data: dict[str, object] = {
            "id": subject,
            "url": one.url,
            "because": one.disabled_because,
            "failing_since": one.failing_since.isoformat() if one.failing_since else None,
        }
        return Event(
            self._ids.new("evt"), rules.DISABLED, ALARM_VERSION, one.mode, one.tenant, subject,
            now, data,
        )  # fmt: skip

    def _of_given_up(self, one: Result, now: datetime) -> Event:
        claim = one.claim
        subject = spell_number("whd", claim.id)
        data: dict[str, object] = {
            "id": subject,
            "endpoint": spell(PREFIX, claim.endpoint_id),
            "event": spell("evt", claim.event_id),
            "event_type": claim.type,
            "outcome": one.outcome.value,
            "status": one.status,
        }
        return Event(
            self._ids.new("evt"), rules.GIVEN_UP, ALARM_VERSION, claim.mode, claim.tenant, subject,
            now, data,
        )  # fmt: skip

    def _tell(self, disabled: Sequence[Disabled], given_up: Sequence[Result]) -> None:
        for endpoint in disabled:
            self._alarm(rules.DISABLED)
            _log.warn(
                rules.DISABLED,
                endpoint=spell(PREFIX, endpoint.id),
                merchant=endpoint.tenant,
                because=endpoint.disabled_because,
            )
        for result in given_up:
            self._alarm(rules.GIVEN_UP)
            _log.warn(
                rules.GIVEN_UP,
                delivery=spell_number("whd", result.claim.id),
                endpoint=spell(PREFIX, result.claim.endpoint_id),
                subject=spell("evt", result.claim.event_id),
                outcome=result.outcome.value,
                status=result.status,
            )


async def _note_endpoints(tx: Tx, results: Sequence[Result], now: datetime) -> list[Disabled]:
    """Remember which endpoints work and which do not; return those that were just disabled."""
    working = {one.claim.endpoint_id for one in results if one.outcome is Outcome.DELIVERED}
    failing = {one.claim.endpoint_id for one in results} - working
    gone = {one.claim.endpoint_id for one in results if one.outcome is Outcome.GONE}
    pauses = {one.claim.endpoint_id: one.paused_until for one in results if one.paused_until}
    if not failing and not gone and not pauses and not await work.recovered(tx, sorted(working)):
        return []
    await work.hold_endpoints(tx, sorted(working | failing | gone | pauses.keys()))
    await work.note_working(tx, sorted(working))
    if pauses:
        await work.pause(tx, pauses)
    if not failing and not gone:
        return []
    await work.note_failing(tx, sorted(failing), now)
    return await work.disable(tx, sorted(gone), sorted(failing), now - FAILING_MAX, now)

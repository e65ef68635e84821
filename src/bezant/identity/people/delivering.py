"""Letters leave: each at least once, later again when the mail server is away, never for ever."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.identity.people.letters import Letter, Letters
from bezant.identity.store import sign_up as store
from bezant.identity.store.sign_up import MailRow

AT_ONCE_MAX: Final = 20
LEASE: Final = timedelta(minutes=5)  # Whoever took a letter and died: another takes it after that.
FIRST_WAIT: Final = timedelta(seconds=30)
WAIT_MAX: Final = timedelta(hours=6)
TRIED_FOR: Final = timedelta(days=2)
_log = telemetry.log("identity")


class MailRefused(Exception):
    """The mail server takes this letter neither now nor later."""


class MailDelayed(Exception):
    """The mail server does not take this letter now."""


Post = Callable[[Letter], Awaitable[None]]
"""Hands a letter to a mail server, or raises one of the two."""


class Delivering(Letters):
    """The part of the service that sends letters."""

    async def deliver(self, post: Post) -> int:
        """Send what is due; return how many letters left."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            taken = await store.take_mails(tx, now, now + LEASE, AT_ONCE_MAX)
        return sum([await self._delivered(post, row) for row in taken])

    async def _delivered(self, post: Post, row: MailRow) -> bool:
        try:
            await post(await self._letter(row))
        except MailRefused as refusal:
            await self._give_up(row, str(refusal))
        except MailDelayed as delay:
            await self._put_off(row, str(delay))
        except Exception as failure:  # noqa: BLE001 - no letter holds up those of others
            await self._put_off(row, type(failure).__name__)
        else:
            async with self._database.transaction() as tx:
                await store.sent_mail(tx, row.id, self._clock.now())
            _log.info("mail.sent", mail=row.id.hex, kind=row.kind)
            return True
        return False

    async def _put_off(self, row: MailRow, why: str) -> None:
        now = self._clock.now()
        if now - row.created_at >= TRIED_FOR:
            await self._give_up(row, why)
            return
        wait = min(FIRST_WAIT * 2 ** min(row.tries - 1, 20), WAIT_MAX)
        async with self._database.transaction() as tx:
            await store.delay_mail(tx, row.id, now + wait)
        _log.warn("mail.delayed", mail=row.id.hex, kind=row.kind, why=why)

    async def _give_up(self, row: MailRow, why: str) -> None:
        async with self._database.transaction() as tx:
            await store.failed_mail(tx, row.id, self._clock.now())
        _log.error("mail.failed", mail=row.id.hex, kind=row.kind, why=why)

"""What somebody allowed programs of others: to see it, and to take it back."""

from typing import Final

from bezant import telemetry
from bezant.actor import Actor
from bezant.identity.desk import Desk
from bezant.identity.logins import own_id
from bezant.identity.person import Consent, EndConsent, UnknownConsent
from bezant.identity.store import consent as store
from bezant.ids import read, spell

CONSENTS_MAX: Final = 200  # More programs than that nobody lets near their money.
_log = telemetry.log("identity")


class Consenting(Desk):
    """The part of the service in which people look after what they allowed."""

    async def consents(self, by: Actor) -> tuple[Consent, ...]:
        """Return what one allowed, the newest first."""
        member = own_id(by, "session.read")
        async with self._database.transaction() as tx:
            rows = await store.of_member(tx, member, CONSENTS_MAX)
        return tuple(
            Consent(spell("cli", row.client), row.name, row.realm, row.scopes, row.given_at)
            for row in rows
        )

    async def end_consent(self, command: EndConsent) -> None:
        """Take back what one allowed a program: its tokens end, and it has to ask again."""
        by = command.by
        member, client = own_id(by, "session.write"), read("cli", command.client, "client")
        async with self._database.transaction() as tx:
            was_kept = await store.end(tx, member, client)
            await store.ask_again(tx, member, client)
            ended = await store.revoke_delegations(tx, member, client, self._clock.now())
            if not was_kept and not ended:
                raise UnknownConsent
            about = {"client": command.client, "delegations": len(ended)}
            await self._record(tx, "consent.ended", by.tenant, by.subject, about)
        for one in ended:
            self._rights_taken(spell("dlg", one.id))
        _log.info("consent.ended", member=by.subject, client=command.client)

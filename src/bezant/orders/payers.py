"""Payers on our own page: who stands there, and in whose frame the page may be shown."""

from typing import Final

from bezant.actor import Mode
from bezant.ids import MalformedId, read, spell
from bezant.orders import rules
from bezant.orders.checkout import ChangeCheckoutSettings, CheckoutSettings, Payer
from bezant.orders.links import Links
from bezant.orders.port import ClientSecretInvalid
from bezant.orders.secrets import BETWEEN
from bezant.orders.standing import LINK, SESSION
from bezant.orders.store import page as store
from bezant.secret import Secret

CREDENTIAL_CHARACTERS_MAX: Final = 200


class Payers(Links):
    """The part of the service that is about the payer's page."""

    async def payer(self, credential: Secret[str]) -> Payer:
        """Return who pays with a client secret or a link's id, and whom.

        A link is for whoever follows it, so its id is all that they need to know.
        """
        shown = credential.reveal()
        if len(shown) > CREDENTIAL_CHARACTERS_MAX:
            raise ClientSecretInvalid
        session, between, _ = shown.partition(BETWEEN)
        if between:
            await self._secrets.check(session, credential)
        kind, name = (SESSION, session) if between else (LINK, shown)
        try:
            number = read(kind, name)
        except MalformedId:
            raise ClientSecretInvalid from None
        async with self._desk.database.transaction() as tx:
            row = await (store.session if between else store.link)(
                tx, number, self._desk.clock.now()
            )
        if row is None:
            raise ClientSecretInvalid
        return Payer(row.tenant, row.mode, spell(kind, number), row.over)

    async def framed_by(self, session: str) -> tuple[str, ...]:
        """Return whose pages may show a session in a frame; nobody's if there is no such one."""
        try:
            number = read(SESSION, session)
        except MalformedId:
            return ()
        async with self._desk.database.transaction() as tx:
            row = await store.session(tx, number, self._desk.clock.now())
            return () if row is None else await store.origins(tx, row.tenant, row.mode)

    async def checkout_settings(self, tenant: str, mode: Mode) -> CheckoutSettings:
        """Return how a merchant's checkout page may be used."""
        async with self._desk.database.transaction() as tx:
            return CheckoutSettings(await store.origins(tx, tenant, mode))

    async def change_checkout_settings(self, command: ChangeCheckoutSettings) -> CheckoutSettings:
        """Say anew how a merchant's checkout page may be used."""
        told = rules.origins(command.settings.origins)
        async with self._desk.database.transaction() as tx:
            await store.set_origins(tx, command.tenant, command.mode, told)
        return CheckoutSettings(told)

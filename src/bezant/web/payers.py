"""Payers on our own page: known by what the merchant gave them, and by nothing else.

A checkout's client secret, or the id of a payment link, is worth what a publishable key of that
merchant is worth: it reads that checkout, puts a card away and pays. Everybody else is asked about
where they are known.
"""

from typing import Final

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.errors import Forbidden
from bezant.http.caller import Callers, Credential, CredentialInvalid, CredentialKind
from bezant.identity.port import Identity, MerchantState
from bezant.orders.port import Orders

PREFIXES: Final = ("cs_", "plink_")
MAY_WHEN_OVER: Final = frozenset({"checkout.read", "checkout.write"})
"""What is paid or over is still shown; nobody puts a card away for it any more."""
MAY: Final = MAY_WHEN_OVER | {"tokens.write"}


class PayerCallers:
    """Implements `Callers` on those who know everybody else."""

    def __init__(self, others: Callers, orders: Orders, identity: Identity) -> None:
        self._others = others
        self._orders = orders
        self._identity = identity

    def known(self, credential: Credential) -> Actor | None:
        """Return the caller if that is known without waiting, else None."""
        return None if _pays(credential) else self._others.known(credential)

    async def identify(self, credential: Credential) -> Actor:
        """Return the caller, or raise `CredentialInvalid`."""
        if not _pays(credential):
            return await self._others.identify(credential)
        try:
            payer = await self._orders.payer(credential.secret)
        except Forbidden:
            raise CredentialInvalid from None
        merchant = await self._identity.merchant(asking(payer.mode), payer.tenant)
        if merchant.state is not MerchantState.ACTIVE:
            raise CredentialInvalid
        may = MAY_WHEN_OVER if payer.over else MAY
        return Actor(Caller.CLIENT, payer.subject, payer.tenant, payer.mode, may)


def asking(mode: Mode) -> Actor:
    """Return who asks when the page itself wants to know whom a payer pays."""
    return Actor(Caller.MODULE, "web", PLATFORM, mode, frozenset({"merchants.read"}))


def _pays(credential: Credential) -> bool:
    is_token = credential.kind is CredentialKind.BEARER
    return is_token and credential.secret.reveal().startswith(PREFIXES)

"""Which providers there are, and which of them have an account here."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bezant.actor import Mode
from bezant.psp.account import Account, Clocks
from bezant.psp.bank import NAME as BANK
from bezant.psp.bank import Bank, BankAccount
from bezant.psp.card import NAME as CARD
from bezant.psp.card import Card
from bezant.psp.checks.coinbase import CommerceSignature, HookSignature
from bezant.psp.checks.paypal import CertifiedSignature
from bezant.psp.checks.timed import TimedSignature
from bezant.psp.coinbase import LINKS, Coinbase
from bezant.psp.coinbase import NAME as COINBASE
from bezant.psp.coinbase_commerce import NAME as COMMERCE
from bezant.psp.coinbase_commerce import Commerce
from bezant.psp.paypal import NAME as PAYPAL
from bezant.psp.paypal import PayPal
from bezant.psp.port import Connector, ProviderNotConfigured, UnknownProvider, WebhookCheck
from bezant.psp.stripe import NAME as STRIPE
from bezant.psp.stripe import Stripe
from bezant.psp.transport import HttpTransport
from bezant.telemetry.metrics import Meters

NAMES: Final = (STRIPE, PAYPAL, COINBASE, LINKS, COMMERCE, BANK, CARD)
"""Every provider there is a connector for."""
NOBODY: Final = BankAccount(iban="", bic="", owner="")


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers with an account here: what is asked of each, how it is sent, how events are
    believed.
    """

    connectors: Mapping[str, Connector]
    transport: HttpTransport
    checks: Mapping[str, WebhookCheck]
    modes: Mapping[str, frozenset[Mode]]
    """In which modes each has an account."""

    def connector(self, provider: str, mode: Mode) -> Connector:
        """Return the connector of a provider that has an account in this mode."""
        if provider not in NAMES:
            raise UnknownProvider
        if mode not in self.modes.get(provider, frozenset()):
            raise ProviderNotConfigured(facts={"provider": provider, "mode": mode})
        return self.connectors[provider]

    def check(self, provider: str) -> WebhookCheck:
        """Return the check of a provider's events."""
        if provider not in NAMES:
            raise UnknownProvider
        if provider not in self.checks:
            raise ProviderNotConfigured(facts={"provider": provider})
        return self.checks[provider]

    def open_in(self, mode: Mode) -> tuple[str, ...]:
        """Return the providers that can be asked in a mode."""
        return tuple(name for name in self.connectors if mode in self.modes[name])


def open_providers(
    accounts: Sequence[Account], bank: BankAccount, clocks: Clocks, meters: Meters
) -> Providers:
    """Open the providers of these accounts; `close` their transport when the house stops."""
    transport = HttpTransport(accounts, clocks, meters)
    names = [name for name in NAMES if any(one.provider == name for one in accounts)]
    return Providers(
        {name: connector_of(name, bank) for name in names},
        transport,
        {
            name: _check(name, [one for one in accounts if one.provider == name], clocks, transport)
            for name in names
        },
        {name: _modes(name, accounts) for name in names},
    )


def connector_of(provider: str, bank: BankAccount = NOBODY) -> Connector:
    """Make the connector of a provider."""
    made: Mapping[str, Callable[[], Connector]] = {
        STRIPE: Stripe,
        PAYPAL: PayPal,
        COINBASE: lambda: Coinbase(COINBASE),
        LINKS: lambda: Coinbase(LINKS),
        COMMERCE: Commerce,
        BANK: lambda: Bank(bank),
        CARD: Card,
    }
    return made[provider]()


def _modes(provider: str, accounts: Iterable[Account]) -> frozenset[Mode]:
    return frozenset(one.mode for one in accounts if one.provider == provider)


def _check(
    provider: str, accounts: Sequence[Account], clocks: Clocks, transport: HttpTransport
) -> WebhookCheck:
    async def fetch(mode: Mode, url: str) -> bytes | None:
        return await transport.certificate(provider, mode, url)

    if provider == PAYPAL:
        return CertifiedSignature(accounts, clocks, fetch, time.monotonic)
    if provider == COMMERCE:
        return CommerceSignature(provider, accounts, clocks)
    if provider in {COINBASE, LINKS}:
        return HookSignature(provider, accounts, clocks)
    return TimedSignature(provider, accounts, clocks)

"""The providers a house talks to: our accounts there, and in a demo the emulators instead."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from bezant.actor import Mode
from bezant.psp.account import (
    Account,
    Bearer,
    ClientCredentials,
    Clocks,
    KeyHeader,
    SigningKey,
)
from bezant.psp.bank import BankAccount
from bezant.psp.port import ProviderNotConfigured
from bezant.psp.registry import Providers, open_providers
from bezant.sandbox import bank, card, coinbase, paypal, stripe
from bezant.sandbox.coinbase_keys import known_private_key
from bezant.sandbox.emulator import Access
from bezant.sandbox.site import LOOPBACK, OFFSETS
from bezant.secret import Secret
from bezant.settings import Providers as Named
from bezant.settings import Settings
from bezant.wiring.workbench import Workbench

WEBHOOKS: Final = "/v1/webhooks"
"""Below this path and a provider's name its events arrive."""
LIVE_STRIPE: Final = ("sk_live_", "rk_live_")
TOKEN_PATH: Final = "/v1/oauth2/token"  # noqa: S105 - an address, not a token
_EMULATED: Final[Mapping[str, Access]] = {
    stripe.PROVIDER: stripe.EVERYBODY,
    paypal.PROVIDER: paypal.EVERYBODY,
    coinbase.PROVIDER: coinbase.EVERYBODY,
    bank.PROVIDER: bank.EVERYBODY,
    card.PROVIDER: card.EVERYBODY,
    coinbase.LINKS: coinbase.EVERYBODY,
    coinbase.COMMERCE: coinbase.EVERYBODY,
}
COINBASES: Final = frozenset({coinbase.PROVIDER, coinbase.LINKS, coinbase.COMMERCE})
"""Whoever has a real account behind one of them is never sent to an emulator of another."""


async def open_providers_of(bench: Workbench, emulators_port: int = 0) -> Providers:
    """Open every provider with an account here, and in a demo the emulators of the others.

    `emulators_port` is the first port of the emulators; 0 if there are none.
    """
    named = bench.settings.providers
    accounts = list(accounts_of(named, live=bench.site.live))
    if not bench.site.live and emulators_port:
        own = {account.provider for account in accounts}
        if own & COINBASES:
            own |= COINBASES
        accounts += [one for one in emulated(emulators_port) if one.provider not in own]
    clocks = Clocks(bench.clock, bench.real)
    opened = open_providers(accounts, bank_account(named, emulators_port), clocks, bench.meters)
    bench.stack.push_async_callback(opened.transport.close)
    return opened


def accounts_of(named: Named, *, live: bool) -> Iterator[Account]:
    """Yield the accounts at real providers; a demo knows only their test worlds."""
    mode = Mode.LIVE if live else Mode.TEST
    if named.stripe_secret_key is not None:
        is_live = named.stripe_secret_key.reveal().startswith(LIVE_STRIPE)
        yield Account(
            "stripe",
            Mode.LIVE if is_live else Mode.TEST,
            "https://api.stripe.com",
            Bearer(named.stripe_secret_key),
            _several(named.stripe_webhook_secret),
        )
    if named.paypal_client_id and named.paypal_client_secret is not None:
        host = "api-m.paypal.com" if live else "api-m.sandbox.paypal.com"
        credential = ClientCredentials(
            named.paypal_client_id, named.paypal_client_secret, TOKEN_PATH
        )
        yield Account(
            "paypal", mode, f"https://{host}", credential, webhook_id=named.paypal_webhook_id
        )
    if named.coinbase_api_key and named.coinbase_api_secret is not None:
        path = "/api/v1" if live else "/sandbox/api/v1"
        yield Account(
            "coinbase" if named.coinbase_api == "checkouts" else "coinbase_links",
            mode,
            f"https://business.coinbase.com{path}",
            SigningKey(named.coinbase_api_key, named.coinbase_api_secret),
            _several(named.coinbase_webhook_secret),
        )
    if named.commerce_api_key is not None and live:
        yield Account(
            "coinbase_commerce",
            mode,
            "https://api.commerce.coinbase.com",
            KeyHeader("x-cc-api-key", named.commerce_api_key),
            _several(named.commerce_webhook_secret),
        )
    if named.bank_url is not None and named.bank_token is not None:
        if not (named.bank_iban and named.bank_owner):
            raise ProviderNotConfigured("set BANK_IBAN and BANK_OWNER beside BANK_API_URL")
        yield Account(
            "bank",
            mode,
            named.bank_url.reveal().rstrip("/"),
            Bearer(named.bank_token),
            _several(named.bank_webhook_secret),
        )


def emulates_everything(settings: Settings) -> bool:
    """Tell whether no request of this house leaves the machine: every provider is an emulator."""
    no_account = next(accounts_of(settings.providers, live=settings.live), None) is None
    return not settings.live and no_account


def emulated(first_port: int) -> Iterator[Account]:
    """Yield our accounts at the emulators."""
    for provider, access in _EMULATED.items():
        at = f"http://{LOOPBACK}:{first_port + OFFSETS[provider]}"
        secrets = (access.webhook_secret,) if access.webhook_secret.reveal() else ()
        match provider:
            case paypal.PROVIDER:
                credential = ClientCredentials(access.name, access.secret, TOKEN_PATH)
            case coinbase.PROVIDER | coinbase.LINKS:
                at += "/api/v1"
                credential = SigningKey(access.name, Secret(known_private_key()))
            case coinbase.COMMERCE:
                credential = KeyHeader("x-cc-api-key", coinbase.COMMERCE_KEY)
            case _:
                credential = Bearer(access.secret)
        hook = access.webhook_id if provider == paypal.PROVIDER else ""
        yield Account(provider, Mode.TEST, at, credential, secrets, hook, emulated=True)


def sandbox_access(main_url: str) -> Mapping[str, Access]:
    """Return what the emulators are told: send your webhooks to the house at this address."""
    return {
        provider: replace(access, webhook_url=f"{main_url}{WEBHOOKS}/{provider}")
        for provider, access in _EMULATED.items()
    }


def bank_account(named: Named, emulators_port: int) -> BankAccount:
    """Return the account that payers send money to."""
    if named.bank_url is not None or not emulators_port:
        return BankAccount(named.bank_iban, named.bank_bic, named.bank_owner)
    page = f"http://{LOOPBACK}:{emulators_port + OFFSETS[bank.PROVIDER]}/pay"
    return BankAccount(bank.MERCHANT_IBAN, bank.BIC, bank.MERCHANT, page)


def _several(secret: Secret[str] | None) -> tuple[Secret[str], ...]:
    """Return the secrets of a setting: by comma while one is replaced by another."""
    texts = [] if secret is None else secret.reveal().split(",")
    return tuple(Secret(text.strip()) for text in texts if text.strip())

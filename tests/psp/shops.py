"""A shop: connectors and the real transport, in front of emulators on real ports."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import urlsplit

from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.money import EUR, Money
from bezant.psp.account import (
    Account,
    Bearer,
    ClientCredentials,
    Clocks,
    Credential,
    KeyHeader,
    SigningKey,
)
from bezant.psp.bank import BankAccount
from bezant.psp.port import Charge, FollowUp, MethodKind, Verdict
from bezant.psp.registry import Providers, open_providers
from bezant.sandbox import bank, card, coinbase, paypal, stripe
from bezant.sandbox.coinbase_keys import known_private_key
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters
from bezant.vault.filling import CardData, filled, refuse_placeholders

GOOD = "4242424242424242"
BANK = BankAccount(bank.MERCHANT_IBAN, "BZNTDEFFXXX", "Bezant Sandbox Merchant")
METHODS = {
    "stripe": MethodKind.CARD,
    "card": MethodKind.CARD,
    "paypal": MethodKind.PAYPAL,
    "coinbase": MethodKind.CRYPTO,
    "coinbase_links": MethodKind.CRYPTO,
    "coinbase_commerce": MethodKind.CRYPTO,
    "bank": MethodKind.BANK_TRANSFER,
}
PRICE = EUR(20_00)
_numbers = count(1)


def attempt_key() -> str:
    """Return a key as the payments spell one."""
    return f"att_{next(_numbers):032x}"


def charge_of(provider: str, amount: Money = PRICE, **more: object) -> Charge:
    """Return a charge of this provider's method."""
    key = attempt_key()
    made = Charge(
        attempt=key,
        payment=key.replace("att_", "pay_"),
        tenant="mer_1",
        mode=Mode.TEST,
        amount=amount,
        method=METHODS[provider],
        capture=True,
        card="card_1" if METHODS[provider] is MethodKind.CARD else "",
        customer_email="payer@example.com",
        return_url="https://shop.example/return",
    )
    return replace(made, **more)


def step_of(charge: Charge, told: Verdict, **more: object) -> FollowUp:
    """Return a later step on a charge, with everything the verdict told about it."""
    made = FollowUp(
        attempt=attempt_key(),
        payment=charge.payment,
        tenant=charge.tenant,
        mode=charge.mode,
        method=charge.method,
        reference=told.reference,
        charge_attempt=charge.attempt,
        amount=charge.amount,
        charged=charge.amount,
        part=told.part,
        saved=dict(told.payer),
    )
    return replace(made, **more)


@dataclass
class Shop:
    """One provider, asked the way payments ask it."""

    provider: str
    providers: Providers
    town: Town
    number: str = GOOD

    @property
    def connector(self):
        return self.providers.connector(self.provider, Mode.TEST)

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        """Send a request; the card's data is filled in as the vault does it."""
        refuse_placeholders(request)
        if request.card:
            request = filled(request, CardData(Secret(self.number), 12, 2030), bytearray(b"123"))
        return await self.providers.transport.send(request)

    async def charge(self, charge: Charge) -> Verdict:
        return self.connector.charged(charge, await self.send(self.connector.charge(charge)))

    async def finish(self, charge: Charge, reference: str) -> Verdict:
        request = self.connector.finish(charge, reference)
        return self.connector.finished(charge, await self.send(request))

    async def capture(self, step: FollowUp) -> Verdict:
        return self.connector.captured(step, await self.send(self.connector.capture(step)))

    async def void(self, step: FollowUp) -> Verdict:
        return self.connector.voided(step, await self.send(self.connector.void(step)))

    async def refund(self, step: FollowUp) -> Verdict:
        return self.connector.refunded(step, await self.send(self.connector.refund(step)))

    async def ask(self, operation: str, step: FollowUp) -> Verdict:
        answer = await self.send(self.connector.ask(operation, step))
        return self.connector.asked(operation, step, answer)


def credentials(town: Town) -> Mapping[str, tuple[str, Credential, str, str]]:
    """Return path, credential, webhook secret and webhook id of each provider's account."""
    business = SigningKey(coinbase.KNOWN_KEY_NAME, Secret(known_private_key()))
    hook = coinbase.EVERYBODY.webhook_secret.reveal()
    del town
    return {
        "stripe": (
            "",
            Bearer(stripe.EVERYBODY.secret),
            stripe.EVERYBODY.webhook_secret.reveal(),
            "",
        ),
        "card": ("", Bearer(card.EVERYBODY.secret), card.EVERYBODY.webhook_secret.reveal(), ""),
        "paypal": (
            "",
            ClientCredentials(paypal.EVERYBODY.name, paypal.EVERYBODY.secret, "/v1/oauth2/token"),
            "",
            paypal.EVERYBODY.webhook_id,
        ),
        "coinbase": ("/api/v1", business, hook, ""),
        "coinbase_links": ("/api/v1", business, hook, ""),
        "coinbase_commerce": ("", KeyHeader("x-cc-api-key", coinbase.COMMERCE_KEY), hook, ""),
        "bank": ("", Bearer(bank.EVERYBODY.secret), bank.EVERYBODY.webhook_secret.reveal(), ""),
    }


@asynccontextmanager
async def open_shop(provider: str, town: Town, number: str = GOOD) -> AsyncGenerator[Shop]:
    """Open a shop in a town whose emulators include this provider's."""
    path, credential, secret, webhook_id = credentials(town)[provider]
    url = town.urls["coinbase" if provider.startswith("coinbase") else provider]
    account = Account(
        provider,
        Mode.TEST,
        url + path,
        credential,
        (Secret(secret),) if secret else (),
        webhook_id,
        emulated=True,
    )
    clocks = Clocks(town.clock, town.clock)
    providers = open_providers([account], BANK, clocks, Meters())
    try:
        yield Shop(provider, providers, town, number)
    finally:
        await providers.transport.close()


def approve(town: Town, told: Verdict, how: str = "exact") -> None:
    """Do the payer's part on the page the verdict names."""
    assert told.action is not None
    page = urlsplit(told.action.url)
    if page.path == "/checkoutnow":
        answer = town.post("paypal", f"/checkoutnow/{told.reference}/approve")
    elif page.path.startswith("/challenges/"):
        answer = town.post("card", f"{page.path}/confirm")
    elif page.path.startswith("/authenticate/"):
        answer = town.post("stripe", f"{page.path}/complete")
    elif page.path.startswith("/payment-links/"):
        answer = town.post("coinbase", f"{page.path}/pay", data={"how": how})
    else:
        answer = town.post("coinbase", f"{page.path}/send", data={"asset": "USDC", "how": how})
    assert answer.status_code in {200, 303}, answer.text

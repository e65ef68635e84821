"""Which providers there are, which have an account here, and whether the table tells the truth."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests import make
from tests.psp.shops import BANK, METHODS, Shop, approve, charge_of, open_shop, step_of
from tests.psp.stories import AMOUNTS, send_money
from tests.psp.table import EMULATED, LIVE, OPERATIONS, providers_page, recorded_of
from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.money import EUR, USDC
from bezant.psp.account import Account, Bearer, ClientCredentials, Clocks, SigningKey
from bezant.psp.card import Card
from bezant.psp.port import (
    Charge,
    Incoming,
    ListsRefunds,
    ProviderNotConfigured,
    Result,
    ShowsDisputes,
    UnknownProvider,
    Verdict,
)
from bezant.psp.registry import NAMES, open_providers
from bezant.psp.stripe import Stripe
from bezant.sandbox.site import OFFSETS
from bezant.secret import Secret
from bezant.settings import Providers as Named
from bezant.telemetry.metrics import Meters
from bezant.wiring.providers import (
    COINBASES,
    accounts_of,
    bank_account,
    emulated,
    sandbox_access,
)

DISPUTED = "4000000000000259"


async def pay(shop: Shop, charge: Charge, done: set[str]) -> Verdict:
    """Take the money, and return what is known of it in the end."""
    told = await shop.charge(charge)
    done.add("charge")
    if shop.provider == "bank":
        send_money(shop, told)
    elif told.action is not None:
        approve(shop.town, told)
        shop.town.pass_time(minutes=5)
        if shop.provider == "paypal":
            told = await shop.finish(charge, told.reference)
            assert told.result is Result.CAPTURED
            done.add("finish")
    step = step_of(charge, told, now=shop.town.clock.now())
    asked = await shop.ask("charge", step)
    assert asked.result is Result.CAPTURED
    done.add("ask")
    return asked


async def let_go(shop: Shop, done: set[str]) -> None:
    """Let go of what is not paid, or only set aside."""
    charge = charge_of(shop.provider, AMOUNTS.get(shop.provider, EUR(12_00)))
    if shop.connector.capabilities.authorize:
        charge = replace(charge, capture=False)
    told = await shop.charge(charge)
    if shop.provider == "paypal":
        approve(shop.town, told)
        told = await shop.finish(charge, told.reference)
    assert (await shop.void(step_of(charge, told))).result is Result.VOIDED
    done.add("void")


async def take_in_parts(shop: Shop, done: set[str]) -> None:
    """Set aside, then take a part."""
    if not shop.connector.capabilities.authorize:
        return
    charge = charge_of(shop.provider, capture=False)
    told = await shop.charge(charge)
    if shop.provider == "paypal":
        approve(shop.town, told)
        told = await shop.finish(charge, told.reference)
    assert told.result is Result.AUTHORIZED
    taken = await shop.capture(step_of(charge, told, amount=EUR(5_00)))
    assert (taken.result, taken.amount) == (Result.CAPTURED, EUR(5_00))
    done.add("capture")


async def give_back(shop: Shop, charge: Charge, told: Verdict, done: set[str]) -> None:
    if not shop.connector.capabilities.refund:
        return
    amount = USDC(1_000_000) if shop.provider == "coinbase" else EUR(1_00)
    step = step_of(charge, told, amount=amount, now=shop.town.clock.now())
    assert (await shop.refund(step)).result in {Result.REFUNDED, Result.PENDING}
    shop.town.pass_time(hours=3)
    asked = await shop.ask("refund", step)
    assert (asked.result, asked.amount) == (Result.REFUNDED, amount)
    done.add("refund")
    connector = shop.connector
    if not isinstance(connector, ListsRefunds):
        return
    elsewhere = step_of(charge, told, amount=amount, now=shop.town.clock.now())
    await shop.send(connector.refund(elsewhere))
    shop.town.pass_time(hours=3)
    listed = connector.listed_refunds(step, await shop.send(connector.ask_refunds(step)))
    assert listed is not None
    assert {one.attempt for one in listed} == {step.attempt, elsewhere.attempt}
    assert {(one.verdict.result, one.verdict.amount) for one in listed} == {
        (Result.REFUNDED, amount)
    }
    assert len({one.part for one in listed}) == 2
    done.add("refunds")


async def quarrel(shop: Shop, done: set[str]) -> None:
    """Let a payer complain, and hear of the dispute: by a believed event, or asked for again."""
    if shop.connector.capabilities.evidence:
        await answer_back(shop, done)
    if isinstance(shop.connector, ShowsDisputes):
        await fetch_dispute(shop, shop.connector, done)


async def answer_back(shop: Shop, done: set[str]) -> None:
    """Read of a dispute in an event, and send what speaks against it."""
    async with open_shop(shop.provider, shop.town, DISPUTED) as disputed:
        connector = disputed.connector
        told = await disputed.charge(charge_of(shop.provider))
        shop.town.pass_time(days=1)
        heard = [connector.incoming(one.headers, one.body) for one in shop.town.box.letters]
        news = next(one for one in heard if one.dispute is not None)
        assert news.dispute is not None
        assert (news.reference, news.dispute.state) == (told.reference, "opened")
        done.add("dispute")
        assert isinstance(connector, Stripe | Card)
        said = {"uncategorized_text": "winning_evidence"}
        request = connector.evidence(Mode.TEST, news.part, "key_1", said)
        assert connector.evidenced(await disputed.send(request)).result is Result.PENDING
        done.add("evidence")


async def fetch_dispute(shop: Shop, connector: ShowsDisputes, done: set[str]) -> None:
    """Fetch a dispute of which an event was only a hint."""
    shop.town.script("dispute", provider=shop.provider, operation="capture_order", seconds=10)
    charge = charge_of(shop.provider, EUR(7_00))
    told = await shop.charge(charge)
    approve(shop.town, told)
    told = await shop.finish(charge, told.reference)
    shop.town.pass_time(seconds=10)
    hints = [shop.connector.incoming(one.headers, one.body) for one in shop.town.box.letters]
    hint = next(one for one in hints if one.about == "dispute")
    assert hint.dispute is None, "an event is a hint"
    answer = await shop.send(connector.ask_dispute(Mode.TEST, hint.part))
    found = connector.asked_dispute(hint.part, answer)
    assert found is not None
    assert found.dispute is not None
    assert (found.attempt, found.reference) == (charge.attempt, told.part)
    assert (found.dispute.state, found.dispute.amount) == ("opened", EUR(7_00))
    nothing = await shop.send(connector.ask_dispute(Mode.TEST, "PP-R-NONE"))
    assert nothing.status == 404
    assert connector.asked_dispute("PP-R-NONE", nothing) == Incoming("PP-R-NONE", "", "")
    done.add("dispute")


async def listen(shop: Shop, done: set[str]) -> None:
    """Believe the newest event, and read what it tells."""
    shop.town.catch_up()
    newest = shop.town.box.letters[-1]
    check = shop.providers.check(shop.provider)
    await check.check(Mode.TEST, newest.headers, newest.body)
    assert shop.connector.incoming(newest.headers, newest.body).id
    done.add("events")


async def reconcile(shop: Shop, done: set[str]) -> None:
    name = "coinbase" if shop.provider.startswith("coinbase") else shop.provider
    town = shop.town
    for days in (0, 1):
        day = town.clock.now().date() - timedelta(days=days)
        report = town.loop.run(town.inspection.settlement(name, day))
        if shop.connector.settlement(report.file.text.encode()):
            done.add("settlement")


@pytest.mark.requirement("S004-1")
@pytest.mark.parametrize("provider", NAMES)
async def test_the_table_says_what_was_run_against_the_emulator(city: Town, provider: str):
    done: set[str] = set()
    async with open_shop(provider, city) as shop:
        charge = charge_of(provider, AMOUNTS.get(provider, EUR(12_00)))
        told = await pay(shop, charge, done)
        await listen(shop, done)
        await let_go(shop, done)
        await take_in_parts(shop, done)
        await give_back(shop, charge, told, done)
        await quarrel(shop, done)
        await reconcile(shop, done)
    assert done == EMULATED[provider]


def test_the_page_names_every_provider_and_claims_no_live_run():
    page = providers_page()
    assert set(EMULATED) == set(NAMES) == set(METHODS)
    for provider in NAMES:
        assert f"| `{provider}` |" in page
        assert recorded_of(provider) <= set(OPERATIONS)
    assert LIVE == {}
    assert "live |" not in page


def test_what_is_not_there_and_what_has_no_account_are_told_apart():
    clock = make.clock()
    account = Account("stripe", Mode.TEST, "https://api.stripe.com", Bearer(Secret("x")))
    providers = open_providers([account], BANK, Clocks(clock, clock), Meters())
    assert providers.connector("stripe", Mode.TEST).name == "stripe"
    assert providers.open_in(Mode.TEST) == ("stripe",)
    assert providers.open_in(Mode.LIVE) == ()
    for provider, mode in (("stripe", Mode.LIVE), ("paypal", Mode.TEST)):
        with pytest.raises(ProviderNotConfigured):
            providers.connector(provider, mode)
    with pytest.raises(UnknownProvider):
        providers.connector("ebay", Mode.TEST)
    with pytest.raises(UnknownProvider):
        providers.check("ebay")
    with pytest.raises(ProviderNotConfigured):
        providers.check("paypal")
    assert providers.check("stripe").provider == "stripe"


def cdp_secret() -> Secret[str]:
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return Secret(base64.b64encode(raw).decode())


NAMED = Named(
    stripe_secret_key=Secret("sk_test_1"),
    stripe_webhook_secret=Secret("whsec_new, whsec_old"),
    paypal_client_id="client",
    paypal_client_secret=Secret("hush"),
    paypal_webhook_id="WH-1",
    coinbase_api_key="key",
    coinbase_api_secret=cdp_secret(),
    commerce_api_key=Secret("hush"),
    bank_url=Secret("https://bank.example/api/"),
    bank_token=Secret("hush"),
    bank_iban=BANK.iban,
    bank_owner="Us",
)


def test_a_demo_meets_only_the_test_worlds_of_real_providers():
    found = {one.provider: one for one in accounts_of(NAMED, live=False)}
    assert {name: one.base_url for name, one in found.items()} == {
        "stripe": "https://api.stripe.com",
        "paypal": "https://api-m.sandbox.paypal.com",
        "coinbase": "https://business.coinbase.com/sandbox/api/v1",
        "bank": "https://bank.example/api",
    }
    assert {one.mode for one in found.values()} == {Mode.TEST}
    assert [one.reveal() for one in found["stripe"].webhook_secrets] == ["whsec_new", "whsec_old"]
    assert isinstance(found["paypal"].credential, ClientCredentials)
    assert isinstance(found["coinbase"].credential, SigningKey)


def test_a_live_house_meets_the_real_ones_and_a_test_key_stays_in_the_test_world():
    found = {one.provider: one for one in accounts_of(NAMED, live=True)}
    assert found["stripe"].mode is Mode.TEST
    assert found["paypal"].base_url == "https://api-m.paypal.com"
    assert found["coinbase"].base_url == "https://business.coinbase.com/api/v1"
    assert "coinbase_commerce" in found
    assert {one.mode for name, one in found.items() if name != "stripe"} == {Mode.LIVE}
    live = replace(NAMED, stripe_secret_key=Secret("sk_live_1"), coinbase_api="payment-links")
    again = {one.provider: one for one in accounts_of(live, live=True)}
    assert again["stripe"].mode is Mode.LIVE
    assert "coinbase_links" in again
    assert not any(one.emulated for one in again.values())


def test_nothing_named_means_no_account_and_half_a_bank_is_refused():
    assert list(accounts_of(Named(), live=True)) == []
    with pytest.raises(ProviderNotConfigured):
        list(accounts_of(replace(NAMED, bank_iban=""), live=False))


async def test_a_demo_emulates_who_is_not_named(city: Town):
    accounts = list(emulated(8_090))
    assert {one.provider for one in accounts} == set(OFFSETS) - {"inspection"}
    assert all(one.emulated and one.mode is Mode.TEST for one in accounts)
    access = sandbox_access("http://127.0.0.1:8080")
    assert access["stripe"].webhook_url == "http://127.0.0.1:8080/v1/webhooks/stripe"
    shown = bank_account(Named(), 8_090)
    assert (shown.iban, shown.page) == (BANK.iban, "http://127.0.0.1:8094/pay")
    moved = [replace(one, base_url=_host(city, one) + _path(one)) for one in accounts]
    clocks = Clocks(city.clock, city.clock)
    providers = open_providers(moved, shown, clocks, Meters())
    try:
        for account in moved:
            name = account.provider
            shop = Shop(name, providers, city)
            told = await shop.charge(charge_of(name, AMOUNTS.get(name, EUR(12_00))))
            assert told.result in {Result.CAPTURED, Result.NEEDS_ACTION}, name
    finally:
        await providers.transport.close()


def _host(city: Town, account: Account) -> str:
    return city.urls["coinbase" if account.provider in COINBASES else account.provider]


def _path(account: Account) -> str:
    return "/api/v1" if account.base_url.endswith("/api/v1") else ""

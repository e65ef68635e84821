"""What events tell: whose money, how much, and nothing that was not checked."""

import json
from datetime import timedelta

import pytest
from tests import make
from tests.psp.shops import GOOD, METHODS, Shop, charge_of, open_shop, step_of
from tests.psp.stories import AMOUNTS, letters, paid
from tests.sandbox.stand import Letter, Town

from bezant.actor import Mode
from bezant.exchange import ProviderAnswer, Sending
from bezant.money import EUR, USDC
from bezant.psp.account import Clocks
from bezant.psp.card import Card
from bezant.psp.evidence import placed
from bezant.psp.port import (
    Charge,
    Incoming,
    MalformedWebhook,
    Result,
    ShowsDisputes,
    StaleWebhook,
    Verdict,
)
from bezant.psp.registry import connector_of
from bezant.psp.stripe import Stripe

PROVIDERS = tuple(METHODS)
DISPUTED = "4000000000000259"
DAY = timedelta(days=1)


def read_all(shop: Shop, found: list[Letter]) -> list[Incoming]:
    return [shop.connector.incoming(one.headers, one.body) for one in found]


@pytest.mark.requirement("S004-1")
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_paid_charge_is_told_with_our_key_or_its_reference(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge, found = await letters(shop)
        events = read_all(shop, found)
        newest = found[-1]
        await shop.providers.check(provider).check(Mode.TEST, newest.headers, newest.body)
        mine = [one for one in events if one.about == "charge"]
        assert mine
        assert len({one.id for one in events}) == len(events), "every event has an id of its own"
        if provider != "bank":
            assert {one.attempt for one in mine} == {charge.attempt}
        if shop.connector.capabilities.event_hint:
            assert all(one.verdict is None for one in mine), "a hint tells nothing"
            return
        told = mine[-1].verdict
        assert told is not None
        assert told.result is Result.CAPTURED
        assert told.amount == AMOUNTS.get(provider, EUR(12_00))


@pytest.mark.parametrize("provider", ["stripe", "card", "paypal", "coinbase"])
async def test_a_refund_is_told_with_its_own_key(city: Town, provider: str):
    async with open_shop(provider, city) as shop:
        charge, _ = await paid(shop)
        shop.town.catch_up()
        told = await shop.ask("charge", step_of(charge, known(shop, charge)))
        city.box.letters.clear()
        amount = USDC(1_000_000) if provider == "coinbase" else EUR(3_00)
        step = step_of(charge, told, amount=amount)
        given = await shop.refund(step)
        assert given.result in {Result.REFUNDED, Result.PENDING}
        city.pass_time(minutes=5)
        refunds = [one for one in read_all(shop, city.box.letters) if one.about == "refund"]
        assert step.attempt in {one.attempt for one in refunds}
        last = [one for one in refunds if one.attempt == step.attempt][-1]
        # PayPal tells of a refund with its capture only.
        assert last.reference == (told.part if provider == "paypal" else told.reference)
        if not shop.connector.capabilities.event_hint:
            assert last.verdict is not None
            assert (last.verdict.result, last.verdict.amount) == (Result.REFUNDED, step.amount)


def known(shop: Shop, charge: Charge) -> Verdict:
    """Return what the events tell of where a charge is."""
    events = [one for one in read_all(shop, shop.town.box.letters) if one.about == "charge"]
    found = next(one for one in events if one.attempt == charge.attempt and one.reference)
    return Verdict(Result.UNKNOWN, found.reference)


@pytest.mark.parametrize("provider", ["stripe", "card"])
async def test_a_dispute_is_told_with_its_amount_and_its_end(city: Town, provider: str):
    async with open_shop(provider, city, DISPUTED) as shop:
        charge = charge_of(provider)
        told = await shop.charge(charge)
        assert told.result is Result.CAPTURED
        city.pass_time(days=1)
        city.pass_time(days=90)
        news = [one for one in read_all(shop, city.box.letters) if one.dispute is not None]
        assert [one.reference for one in news][:1] == [told.reference]
        states = [one.dispute.state for one in news if one.dispute]
        assert states[0] == "opened"
        assert states[-1] == "lost"
        assert all(one.dispute.amount == EUR(20_00) for one in news if one.dispute)


@pytest.mark.parametrize("provider", ["stripe", "card"])
@pytest.mark.parametrize("how", ["winning_evidence", "losing_evidence"])
async def test_evidence_decides_a_dispute(city: Town, provider: str, how: str):
    async with open_shop(provider, city, DISPUTED) as shop:
        await shop.charge(charge_of(provider))
        city.pass_time(days=1)
        news = [one for one in read_all(shop, city.box.letters) if one.dispute is not None]
        reference = news[-1].part
        connector = shop.connector
        assert isinstance(connector, Stripe | Card)
        request = connector.evidence(Mode.TEST, reference, "key_1", {"uncategorized_text": how})
        told = connector.evidenced(await shop.send(request))
        assert told.result is Result.PENDING
        city.pass_time(days=1)
        states = [one.dispute.state for one in read_all(shop, city.box.letters) if one.dispute]
        assert states[-1] == ("won" if how.startswith("winning") else "lost")
        missing = connector.evidence(Mode.TEST, "no_such", "key_2", {"uncategorized_text": how})
        assert connector.evidenced(await shop.send(missing)).result is Result.DECLINED


def test_evidence_without_a_place_of_its_own_goes_into_the_general_one():
    placed_ = placed({"shipping_carrier": "Post", "notes": "on time", "uncategorized_text": "hi"})
    assert placed_ == {"shipping_carrier": "Post", "uncategorized_text": "hi\non time"}


async def test_paypal_events_are_hints_even_about_disputes():
    body = {
        "id": "WH-4M0448861G563140B",
        "event_type": "CUSTOMER.DISPUTE.CREATED",
        "create_time": "2026-08-01T12:00:00.000Z",
        "resource_type": "dispute",
        "resource": {
            "dispute_id": "PP-000-000-651-454",
            "disputed_transactions": [
                {
                    "seller_transaction_id": "00D10444LD479031K",
                    "custom": "att_1",
                    "invoice_number": "inv",
                }
            ],
            "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "status": "WAITING_FOR_SELLER_RESPONSE",
            "dispute_amount": {"currency_code": "USD", "value": "96.00"},
            "seller_response_due_date": "2026-08-11T12:00:00.000Z",
        },
    }
    paypal = connector_of("paypal")
    assert isinstance(paypal, ShowsDisputes)
    read = paypal.incoming({}, json.dumps(body).encode())
    assert (read.about, read.part, read.dispute) == ("dispute", "PP-000-000-651-454", None)
    assert (read.attempt, read.reference, read.verdict) == ("", "", None)

    def answered(status: int, thing: object) -> Incoming | None:
        raw = json.dumps(thing).encode()
        answer = ProviderAnswer(Sending.ANSWERED, status, (), raw)
        return paypal.asked_dispute("PP-000-000-651-454", answer)

    told = answered(200, body["resource"])
    assert told is not None
    assert told.dispute is not None
    assert (told.attempt, told.reference) == ("att_1", "00D10444LD479031K")
    assert str(told.dispute.amount) == "96.00 USD"
    assert told.dispute.evidence_due_at is not None
    other = {**body["resource"], "dispute_id": "PP-000-000-000-001"}
    assert answered(200, other) is None, "another dispute tells nothing of this one"
    assert answered(500, {}) is None
    missing = answered(404, {})
    assert missing is not None
    assert missing.dispute is None


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_where_no_time_is_signed_or_not_the_whole_body_events_are_hints(
    city: Town, provider: str
):
    """Whose check would take an old letter again, or a changed one, is never believed."""
    async with open_shop(provider, city) as shop:
        charge, found = await letters(shop)
        city.box.letters.clear()
        check = shop.providers.check(provider)
        late = True
        check._ground._clocks = Clocks(later := make.clock(city.clock.now() + DAY), later)
        try:
            await check.check(Mode.TEST, found[-1].headers, found[-1].body)
        except StaleWebhook:
            late = False
        whole = provider != "paypal"  # It signs a checksum of the body.
        capabilities = shop.connector.capabilities
        assert capabilities.event_hint is (late or not whole)
        if capabilities.event_hint:
            news = [shop.connector.incoming(one.headers, one.body) for one in found]
            assert all(one.verdict is None and one.dispute is None for one in news)
            assert charge.attempt in {one.attempt for one in news}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff\xfe",
        b'{"id":"1","id":"2","type":"x","data":{}}',
        b'{"id":NaN}',
        b"[" * 100_000,
        b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"x" * (1_048_576 + 1),
    ],
    ids=range(13),
)
async def test_what_is_no_event_is_refused(provider: str, body: bytes):
    with pytest.raises(MalformedWebhook):
        connector_of(provider).incoming({}, body)


async def test_an_event_of_a_kind_we_do_not_know_concerns_nobody():
    stripe = connector_of("stripe")
    body = {
        "id": "evt_1",
        "object": "event",
        "type": "customer.created",
        "created": 1_785_585_600,
        "data": {"object": {"id": "cus_1", "object": "customer"}},
    }
    read = stripe.incoming({}, json.dumps(body).encode())
    assert (read.about, read.verdict, read.dispute) == ("", None, None)
    assert GOOD not in repr(read)

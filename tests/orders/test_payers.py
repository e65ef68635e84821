"""The payer's own page: a secret or a link lets somebody pay one merchant; frames are known."""

from datetime import timedelta

import pytest
from tests.orders.shop import ANN, BOB, Shop
from tests.orders.till import DECLINED_CARD

from bezant.actor import Mode
from bezant.keys.port import RotateKey
from bezant.money import EUR
from bezant.orders.checkout import ChangeCheckoutSettings, CheckoutSettings, CreateLink, Offer
from bezant.orders.port import ClientSecretInvalid, MalformedOffer, SessionState, SignInRequired
from bezant.orders.secrets import CLIENT_SECRET
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S000-14", part="the payer's own page")


async def test_a_client_secret_says_whom_its_payer_pays(shop: Shop):
    new = await shop.session()
    payer = await shop.orders.payer(new.client_secret)
    assert (payer.tenant, payer.mode, payer.subject) == (ANN, Mode.TEST, new.session.id)
    await shop.keys.rotate(RotateKey(CLIENT_SECRET, by="test"))
    assert (await shop.orders.payer(new.client_secret)).subject == new.session.id


async def test_a_link_is_for_whoever_follows_it(shop: Shop):
    made = await shop.orders.create_link(CreateLink("k", ANN, Mode.TEST, Offer(EUR(5_00))))
    payer = await shop.orders.payer(Secret(made.id))
    assert (payer.tenant, payer.mode, payer.subject) == (ANN, Mode.TEST, made.id)


async def test_a_session_that_is_paid_or_over_is_only_shown(shop: Shop):
    paid, late = await shop.session(), await shop.session()
    assert not (await shop.orders.payer(paid.client_secret)).over
    done = await shop.confirm(paid)
    assert done.state is SessionState.COMPLETE
    await shop.follow()
    assert (await shop.orders.payer(paid.client_secret)).over
    assert not (await shop.orders.payer(late.client_secret)).over, "the control"
    shop.clock.move(timedelta(days=2))
    assert (await shop.orders.payer(late.client_secret)).over


async def test_a_declined_payer_may_try_again(shop: Shop):
    new = await shop.session()
    await shop.confirm(new, card=DECLINED_CARD)
    await shop.follow()
    assert not (await shop.orders.payer(new.client_secret)).over


async def test_nothing_else_makes_a_payer(shop: Shop):
    new, other = await shop.session(), await shop.session()
    told = new.client_secret.reveal()
    changed = told[:-1] + ("A" if told[-1] != "A" else "B")
    secrets_of_other = told.replace(new.session.id, other.session.id)
    nobody = "plink_" + "0" * 32
    for wrong in (changed, secrets_of_other, new.session.id, nobody, "cs_", "_secret_", "x" * 300):
        with pytest.raises(ClientSecretInvalid):
            await shop.orders.payer(Secret(wrong))


async def test_only_registered_origins_frame_a_checkout(shop: Shop):
    new = await shop.session()
    assert await shop.orders.framed_by(new.session.id) == ()
    wish = CheckoutSettings(("https://shop.example", "http://localhost:5173"))
    kept = await shop.orders.change_checkout_settings(ChangeCheckoutSettings(ANN, Mode.TEST, wish))
    assert set(kept.origins) == set(wish.origins)
    assert await shop.orders.framed_by(new.session.id) == kept.origins
    # Another merchant's, and the live mode's, are their own.
    assert await shop.orders.checkout_settings(BOB, Mode.TEST) == CheckoutSettings(())
    assert await shop.orders.checkout_settings(ANN, Mode.LIVE) == CheckoutSettings(())
    assert await shop.orders.framed_by("cs_" + "0" * 32) == ()
    assert await shop.orders.framed_by("nonsense") == ()


@pytest.mark.parametrize(
    "origin",
    [
        "*", "https://*", "https://shop.example/", "https://shop.example/pay",
        "http://shop.example",
        "https://shop.example; script-src *", "https://a b", "javascript:alert(1)", "",
        "https://user@shop.example", "https://Shop.example",
    ],
)  # fmt: skip
async def test_what_is_no_origin_is_refused(shop: Shop, origin: str):
    command = ChangeCheckoutSettings(ANN, Mode.TEST, CheckoutSettings((origin,)))
    with pytest.raises(MalformedOffer):
        await shop.orders.change_checkout_settings(command)


async def test_a_checkout_for_customers_takes_nobody_elses_money(shop: Shop):
    new = await shop.session(sign_in="ecommerce")
    with pytest.raises(SignInRequired):
        await shop.confirm(new)
    done = await shop.confirm(new, signed_in=True)
    assert done.state is SessionState.COMPLETE


async def test_a_realm_is_a_name(shop: Shop):
    with pytest.raises(MalformedOffer):
        await shop.session(sign_in="../x")


async def test_the_payers_browser_comes_back_to_where_it_was(shop: Shop):
    new = await shop.session(return_url="https://shop.example/done")
    with pytest.raises(MalformedOffer):
        await shop.confirm(new, return_url="javascript:alert(1)")
    done = await shop.confirm(new, return_url="https://pay.example/checkout/x")
    assert done.state is SessionState.COMPLETE

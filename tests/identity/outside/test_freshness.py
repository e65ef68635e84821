"""An issuer's silence about when somebody signed in is not "just now"."""

from datetime import timedelta

import httpx2
import pytest
from tests.identity.conftest import OPERATOR
from tests.identity.outside.abroad import Json
from tests.identity.outside.conftest import Border
from tests.identity.outside.test_sign_in_abroad import back, go
from tests.identity.provider.stand import answered
from tests.identity.provider.words import CALLBACK, REALM, claims_of

from bezant.actor import Actor
from bezant.identity import CredentialForm, Identify, rules
from bezant.identity.openid import ImportRealm, NewClient
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S001-2", part="outside issuers")


async def actor(border: Border, subject: str, **more: object) -> Actor:
    token = border.abroad.token(subject, **more)
    found = await border.stand.service.identify(Identify(CredentialForm.ANY, Secret(token)))
    return found.actor


async def test_a_token_that_does_not_say_when_somebody_signed_in_is_not_fresh(
    border: Border,
) -> None:
    now = int(border.abroad.clock.now().timestamp())
    minutes = int(rules.STEP_UP_FRESH.total_seconds())
    told = {"fresh": now, "soon": now - minutes + 1, "stale": now - minutes, "odd": "now",
            "ahead": now + 20, "early": -1, "none": None}  # fmt: skip
    found = {name: await actor(border, f"u-{name}", auth_time=when) for name, when in told.items()}
    assert {name for name, one in found.items() if one.may("payments.write")} == {
        "fresh", "soon", "ahead",
    }  # fmt: skip
    assert all("payments.write" in found[name].withheld for name in ("stale", "odd", "none"))
    assert all(one.may("payments.read") for one in found.values())


async def test_a_fresh_token_of_others_does_not_stay_fresh_in_anybodys_memory(
    border: Border,
) -> None:
    clock = border.abroad.clock
    at = clock.now()
    token = Secret(border.abroad.token(auth_time=int(at.timestamp()) - 890))
    known = await border.stand.service.identify(Identify(CredentialForm.ANY, token))
    assert known.actor.may("payments.write")
    assert known.expires_at is not None
    assert known.expires_at <= at + timedelta(seconds=10)


async def trusting(border: Border, *, says_when: bool) -> None:
    await border.stand.service.leave_issuers()
    merchant = border.stand.merchant.id
    border.stand.service.trust([border.abroad.trusted(merchant, says_when=says_when)])


@pytest.mark.parametrize(
    ("says_when", "asked", "told", "fresh"),
    [
        (True, {}, {}, False),
        (True, {}, {"auth_time": 0}, True),
        (True, {}, {"auth_time": -1_000}, False),
        (True, {"prompt": "login"}, {}, False),
        (True, {"max_age": "300"}, {}, False),
        (True, {"prompt": "login"}, {"auth_time": 0}, True),
        (False, {}, {}, False),
        (False, {"prompt": "login"}, {}, True),
        (False, {"max_age": "300"}, {}, True),
        (False, {"prompt": "login"}, {"auth_time": -1_000}, False),
        (False, {"prompt": "login"}, {"iat": -2_000}, False),
        (False, {"max_age": "300"}, {"iat": None}, False),
        (False, {"prompt": "consent"}, {}, False),
    ],
)
async def test_a_sign_in_abroad_is_fresh_if_their_issuer_says_so_or_is_known_never_to_say(
    border: Border, says_when: bool, asked: Json, told: Json, fresh: bool
) -> None:
    await trusting(border, says_when=says_when)
    person, now = border.stand.person(), int(border.abroad.clock.now().timestamp())
    wish = await go(border, person, **asked)
    anew = "login" in asked.values() or "max_age" in asked
    assert (wish.get("prompt"), wish.get("max_age")) == (("login", "0") if anew else (None, None))
    claims = {name: None if when is None else now + when for name, when in told.items()}
    claims = {"auth_time": None, **claims}
    await back(person, wish, border.abroad.agree(wish, **claims), iss=border.abroad.issuer)
    cookie = next(value for name, value in person.cookies.items() if "sso" in name)
    session = Identify(CredentialForm.SESSION, Secret(cookie))
    found = (await border.stand.service.identify(session)).actor
    assert (found.may("payments.write"), "payments.write" in found.withheld) == (fresh, not fresh)


async def test_our_own_tokens_do_not_make_up_when_somebody_signed_in(border: Border) -> None:
    person = border.stand.person()
    wish = await go(border, person)
    code = border.abroad.agree(wish, auth_time=None)
    arrived = answered(
        await person.follow(await back(person, wish, code, iss=border.abroad.issuer))
    )
    tokens = (await border.stand.exchange(arrived["code"])).json()
    for token in (tokens["id_token"], tokens["access_token"]):
        assert "auth_time" not in claims_of(token)
    late = await border.stand.authorize(person, max_age="86400")
    assert late.headers["location"].startswith("/sign-in/"), "nobody knows, so it is asked anew"


async def with_money(border: Border) -> None:
    """Have a client that may move money and asks nobody whether they agree."""
    money = NewClient(
        "money", "Money", redirect_uris=(CALLBACK,), asks_consent=False,
        default_scopes=("openid", "payments.read", "payments.write"),
    )  # fmt: skip
    realm = ImportRealm(OPERATOR, REALM, "Shop", border.stand.merchant.id, (money,))
    await border.stand.service.import_realm(realm)


async def holder_of(border: Border, sent: httpx2.Response) -> Actor:
    """Fetch the token that an answer has the code of, and return who it makes of its bearer."""
    told = await border.stand.exchange(answered(sent)["code"], client_id="money")
    token = Identify(CredentialForm.ANY, Secret(told.json()["access_token"]))
    return (await border.stand.service.identify(token)).actor


async def test_an_old_session_fetches_no_token_for_what_it_may_not_do_itself(
    border: Border,
) -> None:
    await with_money(border)
    person, clock = border.stand.person(), border.stand.clock
    wish = await go(border, person, client_id="money", scope="openid")
    back_again = await back(person, wish, border.abroad.agree(wish), iss=border.abroad.issuer)
    fresh = await holder_of(border, await person.follow(back_again))
    assert fresh.may("payments.write")
    clock.move(rules.STEP_UP_FRESH * 0.6)
    await border.stand.authorize(person, client_id="money")  # In use, it does not end by itself.
    clock.move(rules.STEP_UP_FRESH * 0.6)
    late = await holder_of(border, await border.stand.authorize(person, client_id="money"))
    assert late.may("payments.read")
    assert (late.may("payments.write"), "payments.write" in late.withheld) == (False, True)


@pytest.mark.parametrize(("asked", "fresh"), [({}, False), ({"prompt": "login"}, True)])
async def test_our_own_token_opens_no_more_than_the_session_that_it_began_in(
    border: Border, asked: Json, fresh: bool
) -> None:
    await with_money(border)
    await trusting(border, says_when=False)
    person = border.stand.person()
    wish = await go(border, person, client_id="money", scope="openid", **asked)
    code = border.abroad.agree(wish, auth_time=None)
    sent = await person.follow(await back(person, wish, code, iss=border.abroad.issuer))
    found = await holder_of(border, sent)
    assert found.may("payments.read")
    assert (found.may("payments.write"), "payments.write" in found.withheld) == (fresh, not fresh)

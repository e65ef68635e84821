"""Tokens of an issuer that is trusted open our edge as far as their roles go; forgeries nothing."""

import asyncio
import hashlib
import json
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey
from tests.identity.conftest import OPERATOR
from tests.identity.outside.abroad import AUDIENCE, CLIENT, Abroad, Json
from tests.identity.outside.conftest import Border
from tests.identity.provider.words import encoded

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.identity import ChangeMerchant, MerchantState, RemoveMember

pytestmark = pytest.mark.requirement("S001-2", part="outside issuers")


async def test_a_token_means_one_person_with_the_role_it_was_mapped_to(border: Border) -> None:
    first = await border.who(border.abroad.token())
    again = await border.who(border.abroad.token())
    other = await border.who(border.abroad.token("u-2", realm_access={"roles": ["shop-reader"]}))
    told = first.json()
    assert (first.status_code, told["role"], told["tenant"]) == (
        200, "finance", border.stand.merchant.id,
    ), first.text  # fmt: skip
    assert again.json()["subject"] == told["subject"]
    assert other.json()["role"] == "auditor"
    assert other.json()["subject"] != told["subject"]


@pytest.mark.requirement("S001-1", part="token validation through the IdP's keys")
@pytest.mark.catalogue("T71")
async def test_no_forged_or_foreign_token_is_accepted(border: Border) -> None:
    abroad = border.abroad
    abroad.new_key("stranger")
    now = int(abroad.clock.now().timestamp())
    public = abroad.keys["k1"].as_pem(private=False)
    key = ECKey.generate_key("P-256")
    refused = {
        "signed by a stranger": abroad.sign(abroad.claims(), "stranger"),
        "a stranger's key under a known name": abroad.sign(abroad.claims(), "stranger", kid="k1"),
        "none": _unsigned(abroad.claims(), {"alg": "none"}),
        "HS256 with the public key": _hmac(abroad.claims(), public),
        "another algorithm": abroad.sign(abroad.claims(), alg="PS256"),
        "a symmetric name": abroad.sign(abroad.claims(), alg="HS256"),
        "its own key": abroad.sign(abroad.claims(), jwk=dict(key.as_dict(private=False))),
        "a key elsewhere": abroad.sign(abroad.claims(), jku="http://127.0.0.1:1/keys"),
        "a certificate elsewhere": abroad.sign(abroad.claims(), x5u="http://127.0.0.1:1/c"),
        "critical": abroad.sign(abroad.claims(), crit=["exp"]),
        "unencoded": abroad.sign(abroad.claims(), b64=False),
        "a type of no access token": abroad.sign(abroad.claims(), typ="logout+jwt"),
        "an ID token": abroad.token(typ="ID", aud=CLIENT, nonce="n"),
        "an ID token for us": abroad.token(typ="ID"),
        "told to a client": abroad.token(nonce="n"),
        "a refresh token": abroad.token(typ="Refresh"),
        "another audience": abroad.token(aud="somebody"),
        "many audiences, none ours": abroad.token(aud=["a", CLIENT]),
        "no audience": abroad.token(aud=None),
        "over": abroad.token(exp=now - 60),
        "without an end": abroad.token(exp=None),
        "for ever": abroad.token(exp=now + 10**7),
        "an end that is no number": abroad.token(exp=str(now + 60)),
        "not yet": abroad.token(nbf=now + 600),
        "from tomorrow": abroad.token(iat=now + 600),
        "nobody": abroad.token(sub=None),
        "an empty name": abroad.token(sub=""),
        "a long name": abroad.token(sub="x" * 300),
        "bound in an unknown way": abroad.token(cnf={"jkt": "a", "kid": "b"}),
        "no role": abroad.token(realm_access={"roles": ["offline_access"]}),
        "roles of another shape": abroad.token(realm_access={"roles": {"shop-admin": True}}),
        "roles elsewhere": abroad.token(realm_access=None, roles=["shop-admin"]),
        "another issuer": abroad.token(iss="https://elsewhere.example"),
        "our own name": abroad.token(iss=border.stand.service._issuer.base),
        "cut": abroad.token()[:-4],
        "turned": abroad.token()[:-6] + "AAAAAA",
    }
    answers = {name: (await border.who(text)).status_code for name, text in refused.items()}
    control = await border.who(abroad.token(aud=["somebody", AUDIENCE]))
    assert {name for name, status in answers.items() if status != 401} == set()
    assert control.status_code == 200


async def test_what_a_role_may_not_do_stays_forbidden(border: Border) -> None:
    reader = border.abroad.token("u-3", realm_access={"roles": ["shop-reader"]})
    head = {"authorization": f"Bearer {reader}"}
    seen = await border.stand.client.get("/v1/keys", headers=head)
    made = await border.stand.client.post(
        "/v1/keys", json={"kind": "sk", "role": "admin"}, headers=head
    )
    password = await border.stand.client.put(
        "/v1/password", json={"old": "a", "new": "b"}, headers=head
    )
    assert (seen.status_code, made.status_code, password.status_code) == (200, 403, 403)


async def test_scopes_narrow_where_the_operator_says_so(border: Border) -> None:
    trusted = border.abroad.trusted(border.stand.merchant.id, by_scope=True)
    border.stand.service.trust([trusted])
    without = await border.who(border.abroad.token())
    within = await border.who(border.abroad.token(scope="openid session.read"))
    assert (without.status_code, within.status_code) == (403, 200)


async def test_a_role_taken_there_is_taken_here(border: Border) -> None:
    await border.who(border.abroad.token(realm_access={"roles": ["shop-admin"]}))
    after = await border.who(border.abroad.token(realm_access={"roles": ["shop-reader"]}))
    gone = await border.who(border.abroad.token(realm_access={"roles": []}))
    assert (after.json()["role"], gone.status_code) == ("auditor", 401)


async def test_who_was_removed_here_stays_outside(border: Border) -> None:
    token = border.abroad.token()
    member = (await border.who(token)).json()["subject"]
    merchant = border.stand.merchant.id
    await border.stand.service.remove_member(RemoveMember(OPERATOR, merchant, member))
    removed = await border.who(token)
    other = await border.who(border.abroad.token("u-9"))
    assert (removed.status_code, other.status_code) == (401, 200)


async def test_a_suspended_merchant_lets_none_of_its_people_in(border: Border) -> None:
    token = border.abroad.token()
    before = await border.who(token)
    await border.stand.service.change_merchant(
        ChangeMerchant(OPERATOR, border.stand.merchant.id, MerchantState.SUSPENDED)
    )
    assert (before.status_code, (await border.who(token)).status_code) == (200, 401)


async def test_many_first_requests_of_one_person_make_one_member(border: Border) -> None:
    token = border.abroad.token()
    answers = await asyncio.gather(*(_fresh(border, token) for _ in range(8)))
    assert len({answer["id"] for answer in answers}) == 1


async def _fresh(border: Border, token: str) -> Json:
    from bezant.identity import CredentialForm, Identify
    from bezant.secret import Secret

    found = await border.stand.service.identify(Identify(CredentialForm.ANY, Secret(token)))
    return {"id": found.actor.subject, "mode": found.actor.mode}


async def test_a_token_bound_to_a_certificate_needs_it(border: Border) -> None:
    from tests.identity.provider.signer import certificate, shown

    clock = border.stand.clock
    mine, other = certificate("one.example", clock), certificate("two.example", clock)
    token = border.abroad.token(cnf={"x5t#S256": encoded(hashlib.sha256(mine).digest())})
    answers = [
        await border.who(token),
        await border.who(token, **{"client-cert": shown(other)}),
        await border.who(token, **{"client-cert": shown(mine)}),
    ]
    assert [one.status_code for one in answers] == [401, 401, 200]


async def test_a_new_key_is_found_and_unknown_ones_cause_no_storm(
    border: Border, clock: MovableClock
) -> None:
    abroad = border.abroad
    assert (await border.who(abroad.token())).status_code == 200
    assert abroad.asked["keys"] == 1
    abroad.new_key("k2")
    abroad.published.append("k2")
    clock.move(timedelta(seconds=31))
    made_up = [abroad.sign(abroad.claims(), kid=f"unknown-{n}") for n in range(20)]
    found = await border.who(abroad.sign(abroad.claims(), "k2"))
    for text in made_up:
        assert (await border.who(text)).status_code == 401
    assert (found.status_code, abroad.asked["keys"]) == (200, 2)
    clock.move(timedelta(seconds=31))
    for text in made_up:
        assert (await border.who(text)).status_code == 401
    assert abroad.asked["keys"] == 3


async def test_a_key_that_was_withdrawn_counts_no_longer(
    border: Border, clock: MovableClock
) -> None:
    abroad = border.abroad
    abroad.new_key("k2")
    abroad.published = ["k1", "k2"]
    assert (await border.who(abroad.sign(abroad.claims(), "k2"))).status_code == 200
    abroad.published = ["k1"]
    clock.move(timedelta(minutes=11))
    assert (await border.who(abroad.token())).status_code == 200  # It is renewed beside this.
    await border.stand.service._known[0].close()
    assert (await border.who(abroad.sign(abroad.claims(), "k2"))).status_code == 401


async def test_while_the_issuer_is_silent_what_it_said_counts_for_a_while(
    border: Border, clock: MovableClock
) -> None:
    abroad = border.abroad
    assert (await border.who(abroad.token())).status_code == 200
    abroad.silent = True
    clock.move(timedelta(hours=2))
    late = await border.who(abroad.token())
    await border.stand.service._known[0].close()
    clock.move(timedelta(hours=23))
    stale = await border.who(abroad.token())
    abroad.silent = False
    clock.move(timedelta(minutes=1))
    back = await border.who(abroad.token())
    assert (late.status_code, stale.status_code, back.status_code) == (200, 503, 200)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://127.0.0.1:9/other"},
        {"jwks_uri": "http://127.0.0.1:9/keys"},
        {"jwks_uri": "https://internal.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
        {"jwks_uri": ""},
    ],
)
async def test_a_discovery_document_leads_nowhere_else(border: Border, changed: Json) -> None:
    border.abroad.changed = changed
    assert (await border.who(border.abroad.token())).status_code == 503
    border.abroad.changed = {}
    border.stand.clock.move(timedelta(minutes=1))
    assert (await border.who(border.abroad.token())).status_code == 200


async def test_an_opaque_token_is_asked_about_and_never_one_of_ours(border: Border) -> None:
    abroad, stand = border.abroad, border.stand
    stand.service.trust([abroad.trusted(stand.merchant.id, opaque=True)])
    abroad.opaque["0b4e-7a-good"] = {"active": True, **abroad.claims("u-7", iss=None)}
    abroad.opaque["to-refresh"] = {"active": True, **abroad.claims("u-7", iss=None, typ="Refresh")}
    abroad.opaque["elsewhere"] = {"active": True, **abroad.claims("u-7", aud="x")}
    abroad.opaque["another"] = {"active": True, **abroad.claims("u-7", iss="https://x.example")}
    good = await border.who("0b4e-7a-good")
    wrong = ("unknown", "elsewhere", "another", "to-refresh")
    bad = {(await border.who(one)).status_code for one in wrong}
    asked = abroad.asked["introspect"]
    ours = [
        "bzs_" + "A" * 43,
        "sk_test_" + "0" * 30,
        _unsigned({"iss": "https://x.example"}, {"alg": "RS256"}) + "AAAA",
        "not a token!",
    ]
    for text in ours:
        assert (await border.who(text)).status_code == 401
    assert (good.status_code, good.json()["role"], bad) == (200, "finance", {401})
    assert abroad.asked["introspect"] == asked


async def test_a_trusted_issuer_of_a_demo_opens_nothing_live(
    border: Border, abroad: Abroad
) -> None:
    border.stand.service._live = True
    assert (await border.who(abroad.token())).status_code == 401
    border.stand.service._live = False
    assert (await border.who(abroad.token())).json()["mode"] == Mode.TEST


def _unsigned(claims: Json, header: Json) -> str:
    return ".".join(encoded(json.dumps(one).encode()) for one in (header, claims)) + "."


def _hmac(claims: Json, key: bytes) -> str:
    import hmac

    start = _unsigned(claims, {"alg": "HS256", "typ": "JWT", "kid": "k1"})[:-1]
    return f"{start}.{encoded(hmac.digest(key, start.encode(), 'sha256'))}"

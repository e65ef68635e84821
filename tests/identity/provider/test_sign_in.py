"""Somebody signs in: through the pages, to tokens, to our API."""

import pytest
from tests.identity.provider.stand import Stand, answered
from tests.identity.provider.words import ISSUER, claims_of


@pytest.mark.requirement(
    "S000-3", part="realm, client and sample user sign in with a code and PKCE"
)
async def test_a_customer_signs_in_and_calls_our_api(stand: Stand) -> None:
    person = stand.person()
    answer = await stand.authorize(person)
    page = await person.get(answer.headers["location"])
    assert page.status_code == 200
    assert "Payment Frontend" in page.text

    told = answered(await person.sign_in(answer))
    assert (told["state"], told["iss"]) == ("st-1", ISSUER)
    tokens = (await stand.exchange(told["code"])).json()

    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3_600
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert access["iss"] == identity["iss"] == ISSUER
    assert identity["aud"] == "payment-frontend"
    assert identity["nonce"] == "n-1"
    assert access["realm_access"] == {"roles": ["customer"]}
    who = await stand.who(tokens["access_token"])
    assert who.status_code == 200, who.text
    assert who.json()["role"] == "customer"
    assert who.json()["tenant"] == stand.merchant.id
    assert set(who.json()["permissions"]) == {
        "session.read", "checkout.read", "checkout.write", "tokens.write",
    }  # fmt: skip
    members = await stand.client.get(
        "/v1/members", headers={"authorization": f"Bearer {tokens['access_token']}"}
    )
    assert members.status_code == 403

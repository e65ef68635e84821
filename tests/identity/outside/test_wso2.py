"""A WSO2 Identity Server is trusted by its address, and describes itself below a path of its."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.outside.abroad import CLIENT, SECRET, Abroad
from tests.identity.outside.conftest import Border
from tests.identity.outside.test_sign_in_abroad import back
from tests.identity.provider.stand import Stand, answered
from tests.identity.provider.words import BASE

from bezant.secret import Secret
from bezant.settings import Outside
from bezant.wiring.outside import WSO2_PATH, trusted_of

pytestmark = pytest.mark.requirement("S001-2", part="outside issuers")
THEIRS = {"aud": BASE, "roles": ["support"], "realm_access": None}


@pytest.fixture
async def wso2(abroad: Abroad, stand: Stand) -> AsyncIterator[Border]:
    """Trust a server by nothing but `WSO2_IS_URL` and who we are there."""
    origin = abroad.issuer
    abroad.issuer = origin + WSO2_PATH
    abroad.described = f"{WSO2_PATH}/.well-known/openid-configuration"
    names = ("authorization", "token", "introspection")
    abroad.changed = {f"{name}_endpoint": f"{origin}/{name}" for name in names}
    abroad.changed["jwks_uri"] = f"{origin}/keys"
    settings = Outside(
        wso2_url=Secret(origin), wso2_client_id=CLIENT, wso2_client_secret=Secret(SECRET)
    )
    stand.service.trust(trusted_of(settings, live=False, audience=BASE))
    yield Border(abroad, stand)
    await stand.service.leave_issuers()


async def test_its_address_is_enough_in_a_demo(wso2: Border) -> None:
    told = await wso2.who(wso2.abroad.token(**THEIRS))
    assert (told.status_code, told.json()["role"]) == (200, "support"), told.text
    assert told.json()["tenant"] == wso2.stand.merchant.id, "the sample merchant's"
    assert wso2.abroad.asked["about"] == 1
    for wrong in ({"roles": []}, {"aud": "somebody"}, {"iss": wso2.abroad.issuer + "/"}):
        assert (await wso2.who(wso2.abroad.token(**{**THEIRS, **wrong}))).status_code == 401


async def test_people_sign_in_through_it(wso2: Border) -> None:
    person, abroad = wso2.stand.person(), wso2.abroad
    page = (await wso2.stand.authorize(person)).headers["location"]
    assert "WSO2 Identity Server" in (await person.get(page)).text
    sent = await person.get(f"{page}/at/wso2")
    wish = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
    code = abroad.agree(wish, **{**THEIRS, "aud": CLIENT})
    arrived = await person.follow(await back(person, wish, code, iss=abroad.issuer))
    assert "code" in answered(arrived)


async def test_its_people_are_nobodys_until_there_is_a_sample_merchant(
    wso2: Border, identity_database: TestDatabase
) -> None:
    token = wso2.abroad.token(**THEIRS)
    found: list[int] = []
    for demo in (False, True):
        with psycopg.connect(identity_database.administrator_dsn) as connection:
            connection.execute("UPDATE identity.merchant SET demo = %s", (demo,))
        found.append((await wso2.who(token)).status_code)
    assert found == [401, 200]

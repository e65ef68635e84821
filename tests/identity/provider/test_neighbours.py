"""Pages on a neighbour's origin, processes side by side, and what is told of lost rights."""

import asyncio
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR
from tests.identity.provider.stand import Opened, Stand, answered, opened
from tests.identity.provider.words import BELOW, CALLBACK, PARTNER_CALLBACK, REALM, VERIFIER

from bezant.db.database import Database
from bezant.identity.member import RemoveMember
from bezant.identity.oauth import InvalidGrant
from bezant.identity.openid import Asked, Tokens
from bezant.identity.port import CredentialForm, Identify, UnknownCredential
from bezant.secret import Secret

pytestmark = pytest.mark.catalogue("T73")


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
async def test_a_neighbours_page_presses_no_button_of_ours(stand: Stand, site: str) -> None:
    """Such as one on another port of this machine: a browser sends it our cookies."""
    person = stand.person()
    answer = await stand.authorize(person, client_id="partner", redirect_uri=PARTNER_CALLBACK)
    page = answer.headers["location"]
    await person.sign_in(answer)
    by = {"cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
    forged = {**by, "sec-fetch-site": site}
    said = {"decision": "yes"}
    assert (await stand.client.post(page, data=said, headers=forged)).status_code == 403
    device = {"user_code": "BBBB-BBBB"}
    typed = await stand.client.post(f"{BELOW}/device", data=device, headers=forged)
    assert (typed.status_code, "location" in typed.headers) == (403, False)
    left = await stand.client.post(f"{BELOW}/logout", data={"confirmed": "yes"}, headers=forged)
    assert "Sign out?" in left.text
    # The control: our own page does.
    own = {**by, "sec-fetch-site": "same-origin"}
    assert "code" in answered(await stand.client.post(page, data=said, headers=own))


async def test_a_refresh_token_of_somebody_removed_is_told_to_be_worth_nothing(
    stand: Stand,
) -> None:
    token = (await stand.tokens())["refresh_token"]

    async def worth() -> bool:
        proof = stand.assertion(stand.partner, "partner")
        return (await stand.ask("token/introspect", token=token, **proof)).json()["active"]

    assert await worth()
    access = (await stand.tokens())["access_token"]
    found = await stand.service.identify(Identify(CredentialForm.ANY, Secret(access)))
    member = found.actor.subject
    await stand.service.remove_member(RemoveMember(OPERATOR, stand.merchant.id, member))
    assert not await worth()


def asked(**fields: str) -> Asked:
    return Asked(REALM, tuple({"client_id": "payment-frontend", **fields}.items()), Secret(""), b"")


async def given(by: Opened, question: Asked) -> Tokens | None:
    try:
        return await by.service.tokens(question)
    except InvalidGrant:
        return None


async def test_one_code_or_refresh_token_in_two_processes_at_once(
    stand: Stand, identity_database: TestDatabase, tmp_path: Path
) -> None:
    close: list[Database] = []
    two = [
        await opened(identity_database, stand.clock, tmp_path, close, live=False) for _ in range(2)
    ]
    for _ in range(5):
        code = asked(
            grant_type="authorization_code", code=await stand.code(),
            redirect_uri=CALLBACK, code_verifier=VERIFIER,
        )  # fmt: skip
        refresh = (await stand.tokens())["refresh_token"]
        renewal = asked(grant_type="refresh_token", refresh_token=refresh)
        for question in (code, renewal):
            got = await asyncio.gather(*(given(one, question) for one in two * 3))
            tokens = [one for one in got if one is not None]
            assert len(tokens) <= 1
            for one in tokens:
                with pytest.raises(UnknownCredential):
                    query = Identify(CredentialForm.ANY, one.access_token)
                    await two[0].service.identify(query)
                again = asked(
                    grant_type="refresh_token", refresh_token=one.refresh_token.reveal()
                )  # fmt: skip
                assert await given(two[1], again) is None
    for one in close:
        await one.close()

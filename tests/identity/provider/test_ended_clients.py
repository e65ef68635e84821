"""A client that was ended stays ended, whatever file an operator has."""

from dataclasses import replace

import pytest
from tests.identity.conftest import OPERATOR
from tests.identity.provider.known import clients
from tests.identity.provider.stand import Stand
from tests.identity.provider.test_clients_in_hand import by
from tests.identity.provider.words import REALM

from bezant.identity.openid import ImportRealm

pytestmark = pytest.mark.requirement("S001-2", part="clients in a merchant's own hands")


async def imported(stand: Stand, **more: bool) -> None:
    """Import the realm again as its file has it, but for what is said of the payment page."""
    known = [
        replace(one, **more) if one.client_id == "payment-frontend" else one
        for one in clients(stand.partner, stand.robot, stand.proxied)
    ]
    realm = ImportRealm(OPERATOR, REALM, "E-Commerce", stand.merchant.id, tuple(known))
    await stand.service.import_realm(realm)


async def ended_in_the_office(stand: Stand) -> None:
    owner = await by(stand, stand.merchant.id)
    listed = (await stand.client.get("/v1/clients", headers=owner)).json()["data"]
    made = next(one for one in listed if one["client_id"] == "payment-frontend")
    assert (await stand.client.delete(f"/v1/clients/{made['id']}", headers=owner)).is_success


@pytest.mark.parametrize("by_file", [False, True], ids=["by hand", "by a file"])
async def test_an_ended_client_works_again_only_if_a_file_says_so_and_without_its_tokens(
    stand: Stand, by_file: bool
) -> None:
    tokens = await stand.tokens()
    assert (await stand.who(tokens["access_token"])).status_code == 200
    if by_file:
        await imported(stand, active=False)
    else:
        await ended_in_the_office(stand)
    assert (await stand.refresh(tokens["refresh_token"])).status_code == 401

    await imported(stand)
    assert (await stand.refresh(tokens["refresh_token"])).status_code == 401
    assert (await stand.authorize()).status_code == 401, "it is not known here any more"
    assert (await stand.robot_token()).status_code == 200, "others of the file are renewed"

    await imported(stand, returns=True)
    assert (await stand.refresh(tokens["refresh_token"])).status_code == 400
    stand.callers.forget("")
    assert (await stand.who(tokens["access_token"])).status_code == 401
    anew = await stand.tokens()
    assert (await stand.who(anew["access_token"])).status_code == 200, "it works again"

"""A client that was ended stays ended, whatever file an operator has."""

import asyncio
from contextvars import Context
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR
from tests.identity.keys.test_revoked_by_resource import waiting
from tests.identity.provider.known import clients
from tests.identity.provider.stand import Stand
from tests.identity.provider.test_clients_in_hand import by
from tests.identity.provider.words import REALM

from bezant.db.database import Tx
from bezant.identity.openid import ImportRealm
from bezant.identity.store import client as store
from bezant.identity.store.client import ClientRow

pytestmark = pytest.mark.requirement("S001-2", part="clients in a merchant's own hands")


async def imported(stand: Stand, **more: Any) -> None:
    """Import the realm again as its file has it, but for what is said of the payment page."""
    known = [
        replace(one, **more) if one.client_id == "payment-frontend" else one
        for one in clients(stand.partner, stand.robot, stand.proxied)
    ]
    realm = ImportRealm(OPERATOR, REALM, "E-Commerce", stand.merchant.id, tuple(known))
    await stand.service.import_realm(realm)


async def ended_in_the_office(stand: Stand) -> None:
    owner = await by(stand, stand.merchant.id)
    path = f"/v1/clients/{await payment_page(stand, owner)}"
    assert (await stand.client.delete(path, headers=owner)).is_success


async def payment_page(stand: Stand, owner: dict[str, str]) -> str:
    listed = (await stand.client.get("/v1/clients", headers=owner)).json()["data"]
    return next(one["id"] for one in listed if one["client_id"] == "payment-frontend")


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


async def test_whoever_ends_a_client_while_a_file_renews_it_ended_it(
    stand: Stand, identity_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending: list[asyncio.Task[httpx2.Response]] = []
    keep_client, owner = store.keep_client, await by(stand, stand.merchant.id)
    path = f"/v1/clients/{await payment_page(stand, owner)}"

    async def ended_meanwhile(tx: Tx, row: ClientRow) -> None:
        """Let somebody end the client after it was read, before it is written."""
        deleting = stand.client.delete(path, headers=owner)
        ending.append(asyncio.create_task(deleting, context=Context()))
        async with asyncio.timeout(60):
            while not (ending[0].done() or waiting(identity_database)):
                await asyncio.sleep(0.01)
        await keep_client(tx, row)

    monkeypatch.setattr(store, "keep_client", ended_meanwhile)
    await imported(stand, name="The payment page, renewed")
    (ended,) = ending
    assert (await ended).is_success
    assert (await stand.authorize()).status_code == 401, "it is not known here any more"

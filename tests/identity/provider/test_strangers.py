"""Clients that others wrote sign in here: npm's openid-client and oauth4webapi, end to end."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.harness.ports import free_port
from tests.identity.conftest import OPERATOR, Make
from tests.identity.provider.known import PEOPLE, clients
from tests.identity.provider.signer import Signer, certificate
from tests.identity.provider.stand import edge_of, opened
from tests.identity.provider.words import NAME, PASSWORD, REALM

from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.http.serve import Listening, Serving
from bezant.identity.callers import RememberedCallers
from bezant.identity.openid import ImportRealm
from bezant.ids import Ids

NODE = Path(__file__).parent / "node"
NODE_SECONDS = 300


@dataclass
class Living:
    """A provider that listens."""

    issuer: str
    partner: Signer
    robot: Signer


@pytest.fixture
async def living(identity_database: TestDatabase, tmp_path: Path) -> AsyncIterator[Living]:
    port, clock = free_port(), RealClock()
    base = f"http://localhost:{port}"
    close: list[Database] = []
    here = await opened(identity_database, clock, tmp_path, close, live=False, base=base)
    merchant = await Make(here.service, Ids(clock)).merchant(demo=True)
    partner, robot = Signer(clock), Signer(clock)
    known = clients(
        partner, robot, certificate("proxied.example", clock), "http://localhost:3000/callback"
    )
    await here.service.import_realm(
        ImportRealm(OPERATOR, REALM, "E-Commerce", merchant.id, known, PEOPLE)
    )
    callers = RememberedCallers(here.service, clock)
    here.service.when_rights_are_taken(callers.forget)
    await callers.start()
    edge = edge_of(here.service, callers, clock, base=base)
    serving = Serving([Listening("127.0.0.1", port, edge)])
    serving.bind()
    running = asyncio.create_task(serving.run())
    yield Living(f"{base}/realms/{REALM}", partner, robot)
    serving.stop()
    await running
    await callers.stop()
    for one in close:
        await one.close()


def walked(folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Run the two clients and return what they saw."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    shutil.copytree(NODE, folder)
    for command in (
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        ["node", "strangers.mjs", json.dumps(told)],
    ):
        done = subprocess.run(
            command, cwd=folder, env=kept, capture_output=True, text=True,
            timeout=NODE_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.system
@pytest.mark.catalogue("T73")
@pytest.mark.requirement("S001-2", part="OpenID Connect and OAuth 2 for clients that others wrote")
async def test_two_clients_of_others_sign_in_here(living: Living, tmp_path: Path) -> None:
    told = {
        "issuer": living.issuer,
        "callback": "http://localhost:3000/callback",
        "partnerKey": {**living.partner.key.as_dict(private=True), "alg": "ES256"},
        "robotKey": {**living.robot.key.as_dict(private=True), "alg": "ES256"},
        "name": NAME,
        "password": PASSWORD,
    }
    seen = await asyncio.to_thread(walked, tmp_path / "strangers", told)
    assert seen == {
        "openidName": "customer1",
        "openidRenewed": True,
        "openidReused": "invalid_grant",
        "openidFamilyEnded": "invalid_grant",
        "openidLeft": True,
        "openidBoundType": "dpop",
        "openidBoundWho": "customer",
        "openidBoundRenewed": "dpop",
        "openidPushed": True,
        "openidWorth": True,
        "openidWorthless": False,
        "openidDevice": "television",
        "oauthIssuer": living.issuer,
        "oauthType": "bearer",
        "oauthAccess": "payment-frontend",
        "oauthMixUp": "refused",
        "oauthRobot": "ledger.read payments.read",
    }

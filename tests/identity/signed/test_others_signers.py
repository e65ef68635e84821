"""Signers that others wrote, npm's http-message-signatures and http-message-sig, are understood.

They know RFC 9421 and nothing of us. What they sign is accepted, over the network and with every
kind of key; the same requests with anything changed on the way are not.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from tests.harness.cluster import TestDatabase
from tests.harness.ports import free_port
from tests.identity.conftest import Make
from tests.identity.provider.stand import opened
from tests.identity.signed.conftest import echo
from tests.identity.signed.partner import KEYS, Partner

from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.http.serve import Listening, Serving
from bezant.identity.callers import RememberedCallers
from bezant.identity.http import routes as identity_routes
from bezant.identity.member import Role
from bezant.identity.signer import CreateSigner
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

NODE = Path(__file__).parent / "node"
NODE_SECONDS = 300
SEEN = {
    "read": 200,
    "readAgain": 401,
    "otherQuery": 401,
    "otherMethod": 405,
    "write": 200,
    "writeBySha512": 200,
    "otherBody": 401,
    "otherKey": 401,
    "otherDigest": 401,
    "uncovered": 401,
}


@dataclass
class Living:
    """A gateway that listens, and partners whose keys are registered there."""

    base: str
    partners: list[Partner]


@pytest.fixture
async def living(identity_database: TestDatabase, tmp_path: Path) -> AsyncIterator[Living]:
    port, clock = free_port(), RealClock()
    base, ids = f"http://localhost:{port}", Ids(clock)
    close: list[Database] = []
    here = await opened(identity_database, clock, tmp_path, close, live=False, base=base)
    make = Make(here.service, ids)
    merchant = await make.merchant(demo=True)
    admin = await make.actor(merchant.id)
    partners = [Partner(clock, algorithm) for algorithm in KEYS]
    for one in partners:
        made = await here.service.create_signer(
            CreateSigner(ids.new("sgn"), admin, merchant.id, Role.ADMIN, one.public)
        )
        one.id = made.id
    callers = RememberedCallers(here.service, clock)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), ids, Health(clock))
    routes = [identity_routes(here.service, ids), echo()]
    edge = build(routes, service="gateway", ground=ground, rules=Rules())
    serving = Serving([Listening("127.0.0.1", port, edge)])
    serving.bind()
    running = asyncio.create_task(serving.run())
    yield Living(base, partners)
    serving.stop()
    await running
    for one in close:
        await one.close()


def answered(folder: Path, told: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Let the signers send their requests, and return what they were answered."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    shutil.copytree(NODE, folder)
    for command in (
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        ["node", "signers.mjs", json.dumps(told)],
    ):
        done = subprocess.run(
            command, cwd=folder, env=kept, capture_output=True, text=True,
            timeout=NODE_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def private(partner: Partner) -> str:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return partner.key.private_bytes(pem, form, serialization.NoEncryption()).decode()


@pytest.mark.system
@pytest.mark.requirement("S001-7", part="signed requests of signers that others wrote")
async def test_signers_of_others_are_understood(living: Living, tmp_path: Path) -> None:
    partners = [
        {"keyid": one.id, "algorithm": one.algorithm, "pem": private(one)}
        for one in living.partners
    ]
    told = {"base": living.base, "partners": partners}
    seen = await asyncio.to_thread(answered, tmp_path / "signers", told)
    assert len(seen) == 2 * len(KEYS)
    assert seen == dict.fromkeys(seen, SEEN)

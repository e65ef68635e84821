"""Approvals with real people: members, keys and sessions of a real identity, and the HTTP door."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx2
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import PASSWORD, QUICK, Make

from bezant.actor import PLATFORM, Actor, Mode
from bezant.approvals.http import routes
from bezant.approvals.port import Approval, Approvals, Decide, Propose, Spend
from bezant.approvals.service import MODULE, ApprovalsService
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import Identify, LogIn, Member, Role, rules
from bezant.identity.api_key import CredentialForm
from bezant.identity.callers import RememberedCallers
from bezant.identity.passwords import Passwords
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

PAYLOAD = b'{"payment": "pay_1", "amount": "500.00", "asset": "EUR"}'
DIGEST = hashlib.sha256(PAYLOAD).hexdigest()
OTHER = hashlib.sha256(PAYLOAD.replace(b"500", b"900")).hexdigest()


class KeyMakers:
    """Asks identity who made a key, as wiring does."""

    def __init__(self, identity: IdentityService) -> None:
        self._identity = identity

    async def maker_of(self, key: Actor) -> str:
        asker = rules.operator(key.mode)
        return (await self._identity.key(asker, key.tenant, key.subject)).created_by


@dataclass
class Panel:
    """Everything a test of approvals asks for."""

    database: TestDatabase
    clock: MovableClock
    ids: Ids
    identity: IdentityService
    approvals: ApprovalsService
    make: Make
    client: httpx2.AsyncClient
    feed: StoredFeed
    sequencer: Sequencer
    merchant: str

    async def proposal(self, by: Actor, **more: object) -> Approval:
        return await self.approvals.propose(self.proposing(by, **more))

    def proposing(self, by: Actor, **more: object) -> Propose:
        said: dict[str, object] = {
            "id": self.ids.new("apr"),
            "by": by,
            "tenant": self.merchant,
            "kind": "refund",
            "subject": "re_1",
            "summary": "Give back 500.00 EUR",
            "digest": DIGEST,
            "permission": "refunds.write",
        }
        return Propose(**(said | more))  # pyright: ignore[reportArgumentType]

    def spending(self, approval: Approval, **more: object) -> Spend:
        said: dict[str, object] = {
            "approval": approval.id,
            "tenant": approval.tenant,
            "mode": approval.mode,
            "kind": "refund",
            "digest": DIGEST,
            "use": "re_1",
        }
        return Spend(**(said | more))  # pyright: ignore[reportArgumentType]

    async def approved(self, by: Actor, approver: Actor) -> Approval:
        made = await self.proposal(by)
        return await self.approvals.approve(Decide(approver, made.id))

    async def entered(self, member: Member, tenant: str = "", mode: Mode = Mode.TEST) -> Actor:
        """Return a member, logged in anew."""
        tenant = tenant or self.merchant
        started = await self.identity.log_in(LogIn(member.email, PASSWORD, tenant, mode))
        query = Identify(CredentialForm.SESSION, started.token)
        return (await self.identity.identify(query)).actor

    async def person(self, role: Role = Role.FINANCE, tenant: str = "") -> Actor:
        """Return somebody new, logged in."""
        return await self.make.actor(tenant or self.merchant, role)

    async def token(self, member: Member) -> str:
        started = await self.identity.log_in(LogIn(member.email, PASSWORD, self.merchant))
        return started.token.reveal()

    async def ask(self, method: str, path: str, token: str, body: object = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        return await self.client.request(method, path, content=content, headers=headers)


@asynccontextmanager
async def opened_panel(
    database: TestDatabase, clock: MovableClock, folder: Path
) -> AsyncIterator[Panel]:
    """Open identity and approvals, and serve the routes."""
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened = await Database.open(
                database.module_dsn(module), name=module, size_max=8, clock=clock
            )
            stack.push_async_callback(opened.close)
            return opened

        ids = Ids(clock)
        files = await FileProvider.open(folder / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [files])
        await keys.start()
        identity = IdentityService(
            await sessions("identity"), clock, ids, keys, live=False, passwords=Passwords(QUICK)
        )
        await identity.start()
        own = await sessions("approvals")
        nudges = Nudges(own)
        approvals = ApprovalsService(
            own, clock, ids, Outbox("approvals", nudges), KeyMakers(identity)
        )
        make = Make(identity, ids)
        merchant = (await make.merchant()).id
        client = await stack.enter_async_context(_client(identity, approvals, clock))
        feed = StoredFeed(own, MODULE)
        sequencer = Sequencer(own, MODULE, nudges)
        yield Panel(
            database, clock, ids, identity, approvals, make, client, feed, sequencer, merchant
        )


@asynccontextmanager
async def _client(
    identity: IdentityService, approvals: Approvals, clock: MovableClock
) -> AsyncIterator[httpx2.AsyncClient]:
    callers = RememberedCallers(identity, clock)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), Ids(clock), Health(clock))
    edge = build([routes(approvals)], service="gateway", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bezant.test") as client:
        yield client


__all__ = ["DIGEST", "OTHER", "PLATFORM", "Panel", "opened_panel"]

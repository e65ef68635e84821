"""Identity on a real database with a real key room, opened the way wiring opens it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from tests.harness.cluster import MODULE_PASSWORD, Cluster, TestDatabase
from tests.vault.room import template_of

from bezant.actor import PLATFORM, Actor, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.identity import (
    AcceptInvitation,
    CreateApiKey,
    CreateMerchant,
    Identified,
    Identify,
    InviteMember,
    KeyKind,
    LogIn,
    Member,
    Merchant,
    NewApiKey,
    Role,
    TooManyTries,
    UnknownCredential,
    WrongLogin,
    rules,
)
from bezant.identity.api_key import CredentialForm
from bezant.identity.passwords import Passwords
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret

MODULES = ("keys", "identity")
PASSWORD = Secret("correct horse battery")
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

OPERATOR = rules.operator(Mode.TEST)
LIVE_OPERATOR = rules.operator(Mode.LIVE)
Open = Callable[..., Awaitable[IdentityService]]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
def ids(clock: MovableClock) -> Ids:
    return Ids(clock)


@pytest.fixture
def identity_database(cluster: Cluster) -> Iterator[TestDatabase]:
    with cluster.fresh(template_of(cluster, "identity_template", MODULES)) as fresh:
        yield fresh


@pytest.fixture
async def open_identity(
    identity_database: TestDatabase, clock: MovableClock, ids: Ids, tmp_path: Path
) -> AsyncIterator[Open]:
    """Return a function that opens the service once more, as another process would."""
    opened: list[Database] = []

    async def database(module: str) -> Database:
        dsn = identity_database.dsn(f"bezant_{module}", MODULE_PASSWORD)
        opened.append(await Database.open(dsn, name=module, size_max=8, clock=clock))
        return opened[-1]

    async def open_once_more(
        *, live: bool = False, hasher: PasswordHasher = QUICK
    ) -> IdentityService:
        provider = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await database("keys"), clock, [provider])
        await keys.start()
        service = IdentityService(
            await database("identity"), clock, ids, keys, live=live, passwords=Passwords(hasher)
        )
        await service.start()
        return service

    yield open_once_more
    for one in opened:
        await one.close()


@pytest.fixture
async def identity(open_identity: Open) -> IdentityService:
    return await open_identity()


class Make:
    """Makes merchants, members and keys in a word or two."""

    def __init__(self, identity: IdentityService, ids: Ids) -> None:
        self.identity = identity
        self.ids = ids

    async def merchant(self, name: str = "Sample", *, demo: bool = False) -> Merchant:
        return await self.identity.create_merchant(
            CreateMerchant(self.ids.new("mer"), OPERATOR, name, demo)
        )

    async def member(
        self,
        tenant: str = PLATFORM,
        role: Role = Role.ADMIN,
        email: str = "",
        password: Secret[str] = PASSWORD,
    ) -> Member:
        email = email or f"{self.ids.uuid().hex[-12:]}@example.com"
        invited = await self.identity.invite(
            InviteMember(self.ids.new("inv"), OPERATOR, tenant, email, role)
        )
        return await self.identity.accept_invitation(
            AcceptInvitation(invited.token, "Somebody", password)
        )

    async def actor(
        self, tenant: str = PLATFORM, role: Role = Role.ADMIN, mode: Mode = Mode.TEST
    ) -> Actor:
        """Return a new member, logged in."""
        return (await self.session(tenant, role, mode)).actor

    async def session(
        self, tenant: str = PLATFORM, role: Role = Role.ADMIN, mode: Mode = Mode.TEST
    ) -> Identified:
        member = await self.member(tenant, role)
        started = await self.identity.log_in(LogIn(member.email, PASSWORD, tenant, mode))
        return await self.identity.identify(Identify(CredentialForm.SESSION, started.token))

    async def key(
        self,
        tenant: str,
        kind: KeyKind = KeyKind.SECRET,
        role: Role = Role.DEVELOPER,
        mode: Mode = Mode.TEST,
        **more: object,
    ) -> NewApiKey:
        by = OPERATOR if mode is Mode.TEST else LIVE_OPERATOR
        command = CreateApiKey(
            self.ids.new("key"),
            by,
            tenant,
            kind,
            role,
            **more,  # pyright: ignore[reportArgumentType]
        )
        return await self.identity.create_key(command)

    async def key_actor(self, made: NewApiKey) -> Actor:
        query = Identify(CredentialForm.API_KEY, made.secret)
        return (await self.identity.identify(query)).actor


@pytest.fixture
def make(identity: IdentityService, ids: Ids) -> Make:
    return Make(identity, ids)


async def accepted(identity: IdentityService, text: str) -> bool:
    """Tell whether a text is accepted as a key, in each of the two ways a key may come."""
    answers: set[bool] = set()
    for form in (CredentialForm.API_KEY, CredentialForm.ANY):
        try:
            await identity.identify(Identify(form, Secret(text)))
        except UnknownCredential as refusal:
            answers.add(str(refusal) != "The credential is not accepted.")
        else:
            answers.add(True)
    (answer,) = answers
    return answer


async def whose(identity: IdentityService, token: Secret[str]) -> Identified | None:
    try:
        return await identity.identify(Identify(CredentialForm.SESSION, token))
    except UnknownCredential:
        return None


async def outcome(identity: IdentityService, email: str, password: Secret[str]) -> str:
    try:
        await identity.log_in(LogIn(email, password))
    except (WrongLogin, TooManyTries) as refusal:
        return refusal.code
    return "in"

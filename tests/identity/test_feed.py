"""What identity tells its feed: who may do what, who came in, and nothing of anybody's person."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import LIVE_OPERATOR, OPERATOR, PASSWORD, Make, Open

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.nudges import Nudges
from bezant.db.sequencer import Sequencer
from bezant.events import Event
from bezant.identity import (
    AcceptInvitation,
    CancelInvitation,
    ChangeMember,
    ChangeMerchant,
    ChangePassword,
    EndSession,
    InviteMember,
    LastAdmin,
    LogIn,
    MerchantState,
    RemoveMember,
    RevokeApiKey,
    RevokeApiKeys,
    Role,
    RotateApiKey,
    SwitchSession,
    WrongLogin,
)
from bezant.identity.client import ClientKind, EndClient, RegisterClient, RegisterClientKey
from bezant.ids import Ids
from bezant.secret import Secret

ADDRESS = "ada.lovelace@example.com"
NAME = "Ada Lovelace"
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----"""


class Fed:
    """The events of the module, as its followers read them."""

    def __init__(self, database: Database) -> None:
        self._sequencer = Sequencer(database, "identity", Nudges())
        self._feed = StoredFeed(database, "identity")

    async def events(self) -> list[Event]:
        while await self._sequencer.step():
            pass
        return [one.event for one in await self._feed.read(0, 1_000)]

    async def told(self, subject: str) -> list[str]:
        return [one.type for one in await self.events() if one.subject == subject]


@pytest.fixture
async def fed(identity_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Fed]:
    dsn = identity_database.module_dsn("identity")
    database = await Database.open(dsn, name="identity", size_max=2, clock=clock)
    yield Fed(database)
    await database.close()


@pytest.mark.requirement("S002-7", part="audit")
async def test_the_life_of_a_member_is_told_from_the_invitation_to_the_end(
    make: Make, ids: Ids, fed: Fed
):
    identity = make.identity
    await make.member()
    invited = await identity.invite(
        InviteMember(ids.new("inv"), OPERATOR, PLATFORM, ADDRESS, Role.FINANCE)
    )
    member = await identity.accept_invitation(AcceptInvitation(invited.token, NAME, PASSWORD))
    started = await identity.log_in(
        LogIn(ADDRESS, PASSWORD, PLATFORM, Mode.TEST, "203.0.113.7", "Ada's browser")
    )
    await identity.switch_session(SwitchSession(started.token, PLATFORM, Mode.LIVE))
    await identity.change_member(ChangeMember(OPERATOR, PLATFORM, member.id, Role.AUDITOR))
    other = await identity.log_in(LogIn(ADDRESS, PASSWORD, PLATFORM, Mode.TEST))
    by = Actor(Caller.MEMBER, member.id, PLATFORM, Mode.TEST, frozenset({"session.write"}))
    await identity.end_session(EndSession(by, other.session.id))
    await identity.log_out(started.token)
    await identity.log_out(started.token)
    await identity.change_password(
        ChangePassword(by, PASSWORD, Secret("another horse, another battery"))
    )
    await identity.remove_member(RemoveMember(OPERATOR, PLATFORM, member.id))
    assert await fed.told(invited.invitation.id) == ["invitation.created"]
    assert await fed.told(member.id) == [
        "member.joined", "session.created", "session.switched", "member.changed",
        "session.created", "session.ended", "session.ended", "password.changed", "member.removed",
    ]  # fmt: skip
    text = json.dumps([fields_of(one) for one in await fed.events()])
    for secret in (ADDRESS, "lovelace", NAME, "203.0.113.7", "browser", "horse"):
        assert secret.lower() not in text.lower()
    assert member.id in text, "the control: that is where a name would stand"


async def test_keys_and_merchants_are_told_in_their_mode(make: Make, ids: Ids, fed: Fed):
    identity = make.identity
    merchant = await make.merchant("Somebody's shop")
    key = await make.key(merchant.id, mode=Mode.LIVE)
    successor = ids.new("key")
    await identity.rotate_key(
        RotateApiKey(successor, LIVE_OPERATOR, merchant.id, key.key.id, overlap_seconds=0)
    )
    for _ in range(2):
        await identity.revoke_key(RevokeApiKey(LIVE_OPERATOR, merchant.id, successor))
    await identity.revoke_keys(RevokeApiKeys(LIVE_OPERATOR, merchant.id))
    await identity.change_merchant(ChangeMerchant(OPERATOR, merchant.id, MerchantState.SUSPENDED))
    assert await fed.told(key.key.id) == ["api_key.created", "api_key.rotated"]
    assert await fed.told(successor) == ["api_key.revoked"], "ended once, told once"
    assert await fed.told(merchant.id) == [
        "merchant.created", "api_keys.revoked", "merchant.changed",
    ]  # fmt: skip
    of_keys = [one for one in await fed.events() if one.type.startswith("api_key")]
    assert {(one.mode, one.tenant) for one in of_keys} == {(Mode.LIVE, merchant.id)}
    assert key.secret.reveal() not in json.dumps([fields_of(one) for one in of_keys])


async def test_the_life_of_a_client_is_told_without_its_key(make: Make, ids: Ids, fed: Fed):
    identity = make.identity
    merchant = await make.merchant()
    owner, client = await make.actor(merchant.id), ids.new("cli")
    await identity.register_client(
        RegisterClient(
            client, owner, merchant.id, ClientKind.PROGRAM, NAME,
            public_key=PUBLIC_KEY, role=Role.FINANCE,
        )
    )  # fmt: skip
    await identity.register_client_key(
        RegisterClientKey(owner, merchant.id, client, PUBLIC_KEY, keeps_old=True)
    )
    for _ in range(2):
        await identity.end_client(EndClient(owner, merchant.id, client))
    told = [one for one in await fed.events() if one.subject == client]
    assert [one.type for one in told] == ["client.registered", "client.keyed", "client.ended"]
    assert {(one.mode, one.tenant) for one in told} == {(Mode.TEST, merchant.id)}
    text = json.dumps([fields_of(one) for one in told])
    assert owner.subject in text
    assert NAME not in text


async def test_what_belongs_to_no_mode_is_told_in_that_of_the_installation(
    open_identity: Open, ids: Ids, fed: Fed
):
    identity = await open_identity(live=True)
    invited = await identity.invite(
        InviteMember(ids.new("inv"), OPERATOR, PLATFORM, ADDRESS, Role.ADMIN)
    )
    await identity.cancel_invitation(CancelInvitation(OPERATOR, PLATFORM, invited.invitation.id))
    told = [(one.type, one.mode) for one in await fed.events()]
    assert told == [("invitation.created", Mode.LIVE), ("invitation.cancelled", Mode.LIVE)]


async def test_what_was_refused_did_not_happen(make: Make, fed: Fed):
    member = await make.member()
    before = await fed.events()
    with pytest.raises(WrongLogin):
        await make.identity.log_in(LogIn(member.email, Secret("no such password"), PLATFORM))
    with pytest.raises(LastAdmin):
        await make.identity.remove_member(RemoveMember(OPERATOR, PLATFORM, member.id))
    assert await fed.events() == before


def test_events_cannot_be_changed_by_the_module_itself(identity_database: TestDatabase):
    dsn = identity_database.module_dsn("identity")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in ("UPDATE identity.event SET type = 'x'", "DELETE FROM identity.event"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.execute("SELECT 1 FROM identity.event WHERE id = %s", (uuid4(),))


def fields_of(event: Event) -> dict[str, object]:
    return {name: str(getattr(event, name)) for name in event.__dataclass_fields__}

"""Realms and clients: made by an operator from a file, and our own two clients from the start."""

import re
from dataclasses import replace
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import PLATFORM, Actor
from bezant.db.database import Tx
from bezant.identity import rules
from bezant.identity.member import Role
from bezant.identity.oauth import MalformedRealm
from bezant.identity.openid import (
    ROOT_REALM,
    Client,
    ClientMethod,
    ImportRealm,
    NewClient,
    NewPerson,
    Realm,
)
from bezant.identity.passwords import is_legacy, strong
from bezant.identity.port import NotAllowed, UnknownMerchant
from bezant.identity.provider import jose, scopes
from bezant.identity.provider.checks import client_assertion, redirect_uri, scope
from bezant.identity.provider.checks.grant_type import GrantType
from bezant.identity.provider.issuer import COMMAND_LINE, CONSOLE, CONSOLE_PATH, ENTRY_PATH, PEOPLE
from bezant.identity.provider.jose import BadToken
from bezant.identity.provider.telling import Telling
from bezant.identity.store import client as store
from bezant.identity.store import delegation as delegation_store
from bezant.identity.store import member as member_store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store.client import ClientRow, RealmRow
from bezant.ids import spell
from bezant.keys.port import DeclareKey, KeySpec, Purpose
from bezant.secret import Secret

CLIENTS_MAX: Final = 500
PEOPLE_MAX: Final = 1_000
GRANTS: Final = frozenset(GrantType)
OF_A_PAGE: Final = (GrantType.CODE, GrantType.REFRESH)
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,100}\Z")
_REALM: Final = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_log = telemetry.log("identity")


class Importing(Telling):
    """The part of the provider that operators ask."""

    async def start_provider(self) -> None:
        """Make the keys that sign tokens, and our own clients, on first use."""
        await self._keys.declare(
            DeclareKey(jose.SIGNING_KEY, Purpose.SIGN, KeySpec.P256, by="identity")
        )
        await self._start_proofs()
        own = (
            NewClient(
                client_id=COMMAND_LINE,
                name="The command line",
                grant_types=(GrantType.DEVICE, GrantType.REFRESH),
                default_scopes=(scopes.EVERYTHING, scopes.OPENID, scopes.PROFILE),
                asks_consent=False,
            ),
            NewClient(
                client_id=CONSOLE,
                name="The issuer's console",
                grant_types=(GrantType.CODE,),
                redirect_uris=(self._issuer.base + CONSOLE_PATH,),
                asks_consent=False,
            ),
            NewClient(
                client_id=PEOPLE,
                name="Your account",
                grant_types=(GrantType.CODE, GrantType.REFRESH),
                redirect_uris=(self._issuer.base + ENTRY_PATH,),
                default_scopes=scopes.OF_PEOPLE,
                asks_consent=False,
            ),
        )
        for client in own:
            async with self._database.transaction() as tx:
                wanted = self._registered(client, ROOT_REALM, None)
                known = await store.client(tx, ROOT_REALM, client.client_id)
                same = known and replace(wanted, id=known.id, created_at=known.created_at)
                if known is None or known != same:
                    await store.keep_client(tx, wanted)

    async def import_realm(self, command: ImportRealm) -> Realm:
        """Make or renew a realm, its clients and its first people."""
        _by_the_platform(command.by)
        if command.name == ROOT_REALM or not _REALM.match(command.name):
            raise MalformedRealm("a realm's name has small letters, digits and hyphens")
        if len(command.clients) > CLIENTS_MAX:
            raise MalformedRealm(f"a file holds at most {CLIENTS_MAX} clients", field="clients")
        if len(command.people) > PEOPLE_MAX:
            raise MalformedRealm(f"a file holds at most {PEOPLE_MAX} people", field="users")
        merchant = rules.merchant_id(command.merchant)
        off = [one.client_id for one in command.clients if not one.active]
        wanted = [
            (self._registered(one, command.name, merchant), one.returns)
            for one in command.clients
            if one.active
        ]
        people = [(one, await self._hash_of(one)) for one in command.people]
        realm = RealmRow(
            command.name, rules.normal_name(command.title), merchant, self._clock.now()
        )
        async with self._database.transaction() as tx:
            if not await merchant_store.lock(tx, merchant):
                raise UnknownMerchant
            await store.keep_realm(tx, realm)
            for row, returns in wanted:
                await self._renew(tx, row, returns=returns)
            if off:
                await store.turn_off(tx, realm.name, off)
            for person, password_hash in people:
                await self._add_person(tx, person, password_hash, merchant)
        _log.info("realm.imported", realm=command.name, clients=len(wanted), people=len(people))
        return self._told(realm)

    async def _renew(self, tx: Tx, row: ClientRow, *, returns: bool) -> None:
        """Register a client, or as the file has it now. Whoever ended one meant it: it begins anew
        only where the file says so, and its tokens ended for good.
        """
        await store.hold(tx, row.realm, row.client_id)  # Nobody ends it while it is renewed.
        known = await store.client(tx, row.realm, row.client_id)
        if known is None and await store.was_ended(tx, row.realm, row.client_id):
            if not returns:
                _log.warn("client.stays_ended", client=row.client_id, realm=row.realm)
                return
            await delegation_store.revoke_of_ended(tx, row.realm, row.client_id, row.created_at)
        if known is None or replace(row, id=known.id, created_at=known.created_at) != known:
            await store.keep_client(tx, row)

    async def first_administrator(self, name: str, password: Secret[str]) -> None:
        """Make the platform's administrator that the settings name, unless they are here.

        Whoever has the address already was let in by somebody, perhaps by a merchant: the settings
        name a name, not them.
        """
        username = rules.normal_username(name)
        email = f"{username}@console.invalid"
        person = NewPerson(username, email, name, password, Role.ADMIN)
        password_hash = await self._hash_of(person)
        async with self._database.transaction() as tx:
            if await member_store.person_by_email(tx, email) is None:
                await self._add_person(tx, person, password_hash, rules.PLATFORM_ID)

    async def realm(self, name: str) -> Realm:
        """Return a realm."""
        async with self._database.transaction() as tx:
            return self._told(await self._realm(tx, name))

    async def realms(self, by: Actor) -> tuple[Realm, ...]:
        """Return every realm."""
        _by_the_platform(by, "settings.read")
        async with self._database.transaction() as tx:
            return tuple(self._told(row) for row in await store.realms(tx))

    async def clients(self, by: Actor, realm: str) -> tuple[Client, ...]:
        """Return the clients of a realm."""
        _by_the_platform(by, "settings.read")
        async with self._database.transaction() as tx:
            await self._realm(tx, realm)
            rows = await store.clients(tx, realm, CLIENTS_MAX)
        return tuple(_client(row) for row in rows)

    def _told(self, row: RealmRow) -> Realm:
        merchant = rules.tenant_text(row.merchant_id) if row.merchant_id else ""
        return Realm(row.name, row.title, merchant, self._issuer.of(row.name))

    def _registered(self, client: NewClient, realm: str, merchant: UUID | None) -> ClientRow:
        """Return a client as it is stored, or refuse what could not be one."""
        # A program's `sub` is its name: it must not read like a person's.
        if not _CLIENT_ID.match(client.client_id) or client.client_id.startswith("mem_"):
            raise MalformedRealm("a client's id has letters, digits and . _ ~ -", field="clients")
        grant_types = client.grant_types or OF_A_PAGE
        if not frozenset(grant_types) <= GRANTS:
            raise MalformedRealm(f"{client.client_id} wants a grant that is not given here")
        by_program = GrantType.CLIENT in grant_types
        if by_program and (client.role in (None, Role.CUSTOMER) or client.mode is None):
            raise MalformedRealm(f"{client.client_id} acts by itself and has no role or mode")
        if by_program and client.method is ClientMethod.NONE:
            raise MalformedRealm(f"{client.client_id} acts by itself and cannot prove who it is")
        if client.method is ClientMethod.PRIVATE_KEY_JWT:
            _readable_keys(client)
        return ClientRow(
            id=self._ids.uuid(),
            realm=realm,
            client_id=client.client_id,
            name=rules.normal_name(client.name or client.client_id),
            method=client.method,
            grant_types=tuple(str(one) for one in grant_types),
            redirect_uris=tuple(redirect_uri.registrable(one) for one in client.redirect_uris),
            logout_uris=tuple(redirect_uri.registrable(one) for one in client.logout_uris),
            scopes=scope.registrable(client.scopes),
            default_scopes=scope.registrable(client.default_scopes or (scopes.OPENID,)),
            jwks=client.jwks,
            certificates=client.certificates,
            merchant_id=merchant if by_program else None,
            role=client.role if by_program else None,
            mode=client.mode,
            asks_consent=client.asks_consent,
            binds_tokens=client.binds_tokens,
            must_push=client.must_push,
            demo=not self._live and realm != ROOT_REALM,
            active=True,
            created_at=self._clock.now(),
        )

    async def _hash_of(self, person: NewPerson) -> str:
        password = person.password
        if is_legacy(password.reveal()):
            return password.reveal()
        if self._live:
            strong(password, rules.normal_email(person.email))
        async with self._passwords.turn():
            return await self._passwords.hash(password)

    async def _add_person(
        self, tx: Tx, person: NewPerson, password_hash: str, merchant: UUID
    ) -> None:
        """Add somebody; whoever is here already keeps the password and gets the role.

        In a live installation they are invited instead: who has an address here need not be whom
        the file means, and nobody asked for their password.
        """
        email, now = rules.normal_email(person.email), self._clock.now()
        known = await member_store.person_by_email(tx, email)
        member = known.id if known else self._ids.uuid()
        if known is None:
            await member_store.add_person(tx, member, email, rules.normal_name(person.name), now)
            await member_store.add_password(tx, member, password_hash, now)
            await member_store.name_person(tx, member, rules.normal_username(person.username))
        if known is not None and self._live:
            _log.info("person.passed_over", member=spell("mem", member))
        elif await member_store.find(tx, member, merchant) is None:
            await member_store.join(tx, member, merchant, person.role, now)


def _readable_keys(client: NewClient) -> None:
    try:
        found = client_assertion.registered_keys(client.jwks)
        for one in found:
            jose.key_of(one)
    except BadToken:
        found = []
    if not found:
        raise MalformedRealm(f"{client.client_id} has no public key that could be read")


def _client(row: ClientRow) -> Client:
    return Client(
        client_id=row.client_id,
        realm=row.realm,
        name=row.name,
        method=row.method,
        grant_types=row.grant_types,
        redirect_uris=row.redirect_uris,
        scopes=scopes.in_order((*row.scopes, *row.default_scopes)),
        active=row.active,
    )


def _by_the_platform(by: Actor, permission: str = "settings.write") -> None:
    rules.permit(by, permission)
    if by.tenant != PLATFORM:
        raise NotAllowed

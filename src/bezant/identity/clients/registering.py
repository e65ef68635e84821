"""Clients that a merchant's own people register, give other keys, and end."""

from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import PLATFORM, Actor, Mode
from bezant.db.database import Tx
from bezant.identity import rules
from bezant.identity.api_key import KeyKind
from bezant.identity.client import (
    ADDRESSES_MAX,
    CLIENTS_EVER_MAX,
    CLIENTS_IN_HAND_MAX,
    ClientEnded,
    ClientKind,
    EndClient,
    KeylessClient,
    MalformedClient,
    OwnClient,
    RegisterClient,
    RegisterClientKey,
    RegisteredClient,
    RegisteredClientPage,
    TooManyClients,
    UnknownClient,
)
from bezant.identity.clients import keys
from bezant.identity.desk import page_limit
from bezant.identity.member import OfTenant, Role
from bezant.identity.oauth import InvalidScope
from bezant.identity.openid import ROOT_REALM, ClientMethod
from bezant.identity.port import AlreadyExists, UnknownMerchant
from bezant.identity.provider import scopes
from bezant.identity.provider.checks import redirect_uri, scope
from bezant.identity.provider.checks.grant_type import GrantType
from bezant.identity.provider.checks.redirect_uri import MalformedRedirect
from bezant.identity.provider.clients import Clients
from bezant.identity.repeating import Keyed, keyed, made_before, remember
from bezant.identity.store import client as store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store.client import ClientRow, InHandRow, RealmRow
from bezant.ids import read, spell

OF_PEOPLE: Final = (str(GrantType.CODE), str(GrantType.REFRESH))
_log = telemetry.log("identity")


class Registering(Clients):
    """The part of the service that keeps a merchant's clients."""

    async def register_client(self, command: RegisterClient) -> RegisteredClient:
        """Register a client once."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        _well_formed(command)
        row = self._registration(command)
        rules.grantable(command.by, _handed_out(row, command.tenant))
        merchant, now = rules.merchant_id(command.tenant), self._clock.now()
        asked = _keyed(command)
        async with self._database.transaction() as tx:
            if not await merchant_store.lock(tx, merchant):
                raise UnknownMerchant
            before = await made_before(tx, asked, now)
            if before is not None:
                known = spell("cli", before)
                return self._in_words(await self._in_hand(tx, command.by, command.tenant, known))
            count = await store.count_in_hand(tx, merchant, command.by.mode, self._own_mode())
            if count.working >= CLIENTS_IN_HAND_MAX:
                raise TooManyClients
            if count.ever >= CLIENTS_EVER_MAX:
                raise TooManyClients("a merchant registers no more, with those that were ended")
            realm = await self._realm_of(tx, merchant)
            if not await store.register(tx, row, realm, command.by.subject):
                raise AlreadyExists
            await remember(tx, asked, row.id, now)
            found = await self._in_hand(tx, command.by, command.tenant, command.id)
            await self._tell_of(tx, "client.registered", command.by, command.tenant, found)
        return self._in_words(found)

    async def register_client_key(self, command: RegisterClientKey) -> RegisteredClient:
        """Let a client sign with another key."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        async with self._database.transaction() as tx:
            row = await self._in_hand(tx, command.by, command.tenant, command.client, held=True)
            if not row.active:
                raise ClientEnded
            if row.method is not ClientMethod.PRIVATE_KEY_JWT:
                raise KeylessClient
            rules.grantable(command.by, _handed_out(row, command.tenant))
            jwks = keys.set_of(command.public_key, row.jwks if command.keeps_old else "")
            await store.set_keys(tx, row.id, jwks)
            await self._tell_of(tx, "client.keyed", command.by, command.tenant, row)
            row = await self._in_hand(tx, command.by, command.tenant, command.client)
        return self._in_words(row)

    async def end_client(self, command: EndClient) -> RegisteredClient:
        """End a client now. Its tokens end with it: they are looked up with every answer."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        async with self._database.transaction() as tx:
            row = await self._in_hand(tx, command.by, command.tenant, command.client, held=True)
            if row.realm == ROOT_REALM:
                raise OwnClient
            if row.active:
                await store.end(tx, row.id)
                await self._tell_of(tx, "client.ended", command.by, command.tenant, row)
                row = await self._in_hand(tx, command.by, command.tenant, command.client)
        self._rights_taken()
        return self._in_words(row)

    async def registered_client(self, by: Actor, tenant: str, client: str) -> RegisteredClient:
        """Return one client."""
        rules.permit(by, "api_keys.read", tenant)
        async with self._database.transaction() as tx:
            return self._in_words(await self._in_hand(tx, by, tenant, client))

    async def registered_clients(self, query: OfTenant) -> RegisteredClientPage:
        """Return a page of clients of one's mode, newest first."""
        rules.permit(query.by, "api_keys.read", query.tenant)
        limit = page_limit(query.limit)
        after = read("cli", query.after, "after") if query.after else None
        tenant, own = rules.tenant_id(query.tenant), self._own_mode()
        async with self._database.transaction() as tx:
            rows = await store.page_in_hand(tx, tenant, query.by.mode, own, after, limit + 1)
        told = tuple(self._in_words(row) for row in rows[:limit])
        return RegisteredClientPage(told, has_more=len(rows) > limit)

    def _own_mode(self) -> Mode:
        """Return the mode in which a client works that was registered for none."""
        return Mode.LIVE if self._live else Mode.TEST

    async def _realm_of(self, tx: Tx, merchant: UUID) -> str:
        """Return the merchant's realm; the first client of a merchant without one makes it."""
        known = await store.realm_of(tx, merchant)
        if known is not None:
            return known.name
        shop = await merchant_store.find(tx, merchant)
        assert shop is not None
        realm = RealmRow(f"mer-{merchant.hex}", shop.name, merchant, self._clock.now())
        await store.keep_realm(tx, realm)
        return realm.name

    async def _in_hand(
        self, tx: Tx, by: Actor, tenant: str, client: str, *, held: bool = False
    ) -> InHandRow:
        """Return a client of this tenant in the mode of whoever asks; others do not exist."""
        client_id, merchant = read("cli", client, "client"), rules.tenant_id(tenant)
        own = self._own_mode()
        row = await store.in_hand(tx, client_id, merchant, by.mode, own, held=held)
        if row is None:
            raise UnknownClient
        return row

    async def _tell_of(self, tx: Tx, what: str, by: Actor, tenant: str, row: InHandRow) -> None:
        client = spell("cli", row.id)
        await self._record(tx, what, tenant, client, {"by": by.subject}, by.mode)
        _log.info(what, client=client, by=by.subject)

    def _registration(self, command: RegisterClient) -> ClientRow:
        by_itself = command.kind is ClientKind.PROGRAM
        chosen = _scopes(command)
        method = (
            ClientMethod.NONE if command.kind is ClientKind.PAGE else ClientMethod.PRIVATE_KEY_JWT
        )
        client_id = read("cli", command.id, "id")
        return ClientRow(
            id=client_id,
            realm="",
            client_id=f"cli-{client_id.hex}",
            name=rules.normal_name(command.name),
            method=method,
            grant_types=(str(GrantType.CLIENT),) if by_itself else OF_PEOPLE,
            redirect_uris=_addresses(command.redirect_uris, "redirect_uris"),
            logout_uris=_addresses(command.logout_uris, "logout_uris"),
            scopes=() if by_itself else scopes.in_order({*scopes.ABOUT_THE_PERSON, *chosen}),
            default_scopes=(chosen or (scopes.EVERYTHING,)) if by_itself else (scopes.OPENID,),
            jwks="" if method is ClientMethod.NONE else keys.set_of(command.public_key),
            certificates=(),
            merchant_id=rules.merchant_id(command.tenant) if by_itself else None,
            role=command.role,
            mode=command.by.mode,
            # Whoever registers it is not whoever signs in to it: those are asked.
            asks_consent=not by_itself,
            binds_tokens=command.binds_tokens,
            must_push=False,
            demo=not self._live,
            active=True,
            created_at=self._clock.now(),
        )

    def _in_words(self, row: InHandRow) -> RegisteredClient:
        return RegisteredClient(
            id=spell("cli", row.id),
            tenant=rules.tenant_text(row.owner),
            mode=row.mode or self._own_mode(),
            kind=_kind(row),
            name=row.name,
            client_id=row.client_id,
            issuer=self._issuer.of(row.realm),
            method=row.method.value,
            role=row.role,
            redirect_uris=row.redirect_uris,
            logout_uris=row.logout_uris,
            scopes=scopes.in_order((*row.scopes, *row.default_scopes)),
            keys=keys.names_of(row.jwks),
            asks_consent=row.asks_consent,
            binds_tokens=row.binds_tokens,
            active=row.active,
            created_at=row.created_at,
            created_by=row.created_by,
        )


def _keyed(command: RegisterClient) -> Keyed | None:
    return keyed(
        "client",
        command.key,
        command.by,
        command.tenant,
        command.kind.value,
        command.name,
        command.redirect_uris,
        command.logout_uris,
        command.scopes,
        command.public_key,
        command.role and command.role.value,
        command.binds_tokens,
    )


def _well_formed(command: RegisterClient) -> None:
    """Refuse a client whose parts contradict each other."""
    by_itself, kind = command.kind is ClientKind.PROGRAM, command.kind
    if command.tenant == PLATFORM:
        raise MalformedClient("clients belong to a merchant", field="tenant")
    if by_itself and command.role in (None, Role.CUSTOMER):
        raise MalformedClient("a program has a role of the staff", field="role")
    if not by_itself and command.role is not None:
        raise MalformedClient("whoever signs in brings their own role", field="role")
    if by_itself and (command.redirect_uris or command.logout_uris):
        raise MalformedClient("nobody signs in to a program", field="redirect_uris")
    if not by_itself and not command.redirect_uris:
        raise MalformedClient("say where people come back to", field="redirect_uris")
    if kind is ClientKind.PAGE and command.public_key:
        raise MalformedClient("a page can keep no key", field="public_key")
    if kind is not ClientKind.PAGE and not command.public_key:
        raise MalformedClient("it needs the public half of its key", field="public_key")


def _scopes(command: RegisterClient) -> tuple[str, ...]:
    chosen = frozenset(command.scopes)
    if chosen & scopes.ABOUT_THE_PERSON and command.kind is ClientKind.PROGRAM:
        raise MalformedClient("nobody is behind a program", field="scopes")
    try:
        return scope.registrable(tuple(chosen))
    except InvalidScope:
        raise MalformedClient("there is no scope of that name", field="scopes") from None


def _addresses(uris: tuple[str, ...], field: str) -> tuple[str, ...]:
    if len(uris) > ADDRESSES_MAX:
        raise MalformedClient(f"at most {ADDRESSES_MAX} addresses", field=field)
    try:
        return tuple(redirect_uri.registrable(one) for one in dict.fromkeys(uris))
    except MalformedRedirect as refused:
        raise MalformedRedirect(refused.detail, field=field) from None


def _handed_out(row: ClientRow | InHandRow, tenant: str) -> frozenset[str]:
    """Return what whoever registers a client, or has its key, must hold themselves.

    A program may do all that its role may. A client of people may be let do no more than they may,
    but what it asks of an administrator shall not come from somebody who is none.
    """
    if row.role is not None:
        return rules.key_permissions(KeyKind.SECRET, row.role, ())
    asked = scopes.permissions((*row.scopes, *row.default_scopes))
    return asked & rules.member_permissions(Role.ADMIN, tenant) - rules.OWN_SESSION


def _kind(row: InHandRow) -> ClientKind:
    if GrantType.CLIENT in row.grant_types:
        return ClientKind.PROGRAM
    return ClientKind.PAGE if row.method is ClientMethod.NONE else ClientKind.SERVER

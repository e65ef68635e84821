"""Which client asks, and that it is really that one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bezant.db.database import Tx
from bezant.identity.desk import Desk
from bezant.identity.oauth import (
    InvalidClient,
    UnknownRealm,
)
from bezant.identity.openid import Asked, ClientMethod
from bezant.identity.provider.checks import (
    client_assertion,
    client_certificate,
    client_method,
    one_of_each,
)
from bezant.identity.store import client as store
from bezant.identity.store import interaction as interaction_store
from bezant.identity.store import signer as signer_store
from bezant.identity.store.client import ClientRow, RealmRow


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose client is known and has proved who it is."""

    client: ClientRow
    parameters: Mapping[str, str]
    asked: Asked


class Clients(Desk):
    """The part of the provider that knows clients."""

    async def _realm(self, tx: Tx, name: str) -> RealmRow:
        row = await store.realm(tx, name)
        if row is None:
            raise UnknownRealm
        return row

    async def _client(self, realm: str, client_id: str) -> ClientRow:
        async with self._database.transaction() as tx:
            await self._realm(tx, realm)
            row = await store.client(tx, realm, client_id)
        if row is None or (row.demo and self._live):
            raise InvalidClient
        return row

    async def _authenticated(self, asked: Asked) -> Request:
        """Return who asks and what, once the client has proved who it is."""
        parameters = one_of_each.single(asked.parameters)
        client = await self._client(asked.realm, client_method.name_of(parameters))
        client_method.is_registered(client.method, parameters)
        await self._prove_client(client, parameters, asked)
        return Request(client, parameters, asked)

    async def _prove_client(
        self, client: ClientRow, parameters: Mapping[str, str], asked: Asked
    ) -> None:
        now = self._clock.now()
        match client.method:
            case ClientMethod.NONE:
                return
            case ClientMethod.PRIVATE_KEY_JWT:
                text, issuer = parameters["client_assertion"], self._issuer.of(asked.realm)
                name, until = client_assertion.proved(
                    text, client.client_id, client.jwks, issuer, now
                )
                if not await self._spend(f"assertion {client.id.hex} {name}", until):
                    raise InvalidClient
            case ClientMethod.TLS | ClientMethod.SELF_SIGNED_TLS:
                if not asked.certificate:
                    raise InvalidClient
                client_certificate.proved(
                    client.method, asked.certificate, client.certificates, now
                )
                await self._refuse_revoked(asked.certificate)

    async def _refuse_revoked(self, certificate: bytes) -> None:
        """Refuse what our authority made and took back; others' certificates it never numbered."""
        serial = Decimal(client_certificate.serial(certificate))
        async with self._database.transaction() as tx:
            known = await signer_store.certificate(tx, serial)
        if known is not None and known.revoked_at is not None:
            raise InvalidClient

    async def _spend(self, name: str, until: datetime) -> bool:
        """Spend what may be shown once; False if it was shown before, to any process of ours."""
        hashed = hashlib.sha256(name.encode()).digest()
        async with self._database.transaction() as tx:
            return await interaction_store.spend_proof(tx, hashed, until)

"""A merchant's OpenID clients over HTTP."""

from bezant.http.idempotency import Idempotency
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import Asker, Routes, ThisVisit
from bezant.identity.client import EndClient, RegisterClient, RegisterClientKey
from bezant.identity.clients import messages as models
from bezant.identity.http import Tenant, read_forward
from bezant.identity.port import Identity, OfTenant
from bezant.ids import Ids


def routes(identity: Identity, ids: Ids) -> Routes:
    """Return every route about a merchant's clients."""
    made = Routes("identity", tag="OpenID clients")
    _add_reading(made, identity)
    _add_changing(made, identity, ids)
    return made


def _add_reading(made: Routes, identity: Identity) -> None:
    @made.get("/v1/clients", permission="api_keys.read", summary="List OpenID clients of this mode")
    async def clients(asker: Asker, tenant: Tenant, page: PageQuery) -> Page[models.ClientAnswer]:
        query = OfTenant(asker, tenant, page.limit, read_forward(page))
        found = await identity.registered_clients(query)
        data = [models.ClientAnswer.model_validate(one) for one in found.clients]
        return Page(data=data, has_more=found.has_more)

    @made.get("/v1/clients/{client}", permission="api_keys.read", summary="One OpenID client")
    async def one_client(client: str, asker: Asker, tenant: Tenant) -> models.ClientAnswer:
        told = await identity.registered_client(asker, tenant, client)
        return models.ClientAnswer.model_validate(told)

    del clients, one_client


def _add_changing(made: Routes, identity: Identity, ids: Ids) -> None:
    @made.post(
        "/v1/clients",
        permission="api_keys.write",
        idempotency=Idempotency.OPTIONAL,
        summary="Register an OpenID client",
    )
    async def register(
        body: models.ClientBody, asker: Asker, tenant: Tenant, visit: ThisVisit
    ) -> models.ClientAnswer:
        """Register a client; the same request under the same key answers the same client."""
        command = RegisterClient(
            ids.new("cli"),
            asker,
            tenant,
            body.kind,
            body.name,
            body.redirect_uris,
            body.logout_uris,
            body.scopes,
            body.public_key,
            body.role,
            body.binds_tokens,
            visit.idempotency_key or "",
        )
        return models.ClientAnswer.model_validate(await identity.register_client(command))

    @made.post(
        "/v1/clients/{client}/keys",
        permission="api_keys.write",
        status=200,
        summary="Give it another key",
    )
    async def register_key(
        client: str, body: models.ClientKeyBody, asker: Asker, tenant: Tenant
    ) -> models.ClientAnswer:
        """Take the public half of a client's next key; what it had counts on only if asked."""
        command = RegisterClientKey(asker, tenant, client, body.public_key, body.keeps_old)
        return models.ClientAnswer.model_validate(await identity.register_client_key(command))

    @made.delete("/v1/clients/{client}", permission="api_keys.write", summary="End it now")
    async def end(client: str, asker: Asker, tenant: Tenant) -> models.ClientAnswer:
        """End a client and every token of it, at once and for good."""
        told = await identity.end_client(EndClient(asker, tenant, client))
        return models.ClientAnswer.model_validate(told)

    del register, register_key, end

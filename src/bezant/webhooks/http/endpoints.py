"""Endpoints over HTTP."""

from bezant.errors import Invalid
from bezant.http.pages import Page, PageQuery, PageRequest
from bezant.http.routes import Asker, Routes
from bezant.ids import Ids
from bezant.webhooks.http import messages as models
from bezant.webhooks.port import (
    ChangeEndpoint,
    CreateEndpoint,
    DeleteEndpoint,
    EndpointsOf,
    EndpointState,
    ResendMany,
    RotateSecret,
    TriggerEvent,
    Webhooks,
)

READ = "webhooks.read"
WRITE = "webhooks.write"


def add(made: Routes, webhooks: Webhooks, ids: Ids) -> None:
    """Add the routes of endpoints."""
    _add_making(made, webhooks, ids)
    _add_reading(made, webhooks)
    _add_doing(made, webhooks, ids)


def _add_making(made: Routes, webhooks: Webhooks, ids: Ids) -> None:
    @made.post("/v1/webhook_endpoints", permission=WRITE, summary="Add an endpoint")
    async def create(body: models.EndpointBody, asker: Asker) -> models.NewSecretAnswer:
        command = CreateEndpoint(
            ids.new("whe"),
            asker.tenant,
            asker.mode,
            asker.subject,
            body.url,
            tuple(body.events),
            body.description,
            body.payload,
            tuple(body.signatures),
        )
        return models.new_secret(await webhooks.create_endpoint(command))

    @made.patch(
        "/v1/webhook_endpoints/{endpoint}", permission=WRITE, summary="Change or disable it"
    )
    async def change(
        endpoint: str, body: models.EndpointChangeBody, asker: Asker
    ) -> models.EndpointAnswer:
        command = ChangeEndpoint(
            asker.tenant,
            asker.mode,
            endpoint,
            asker.subject,
            body.url,
            tuple(body.events or ()),
            body.description,
            body.payload,
            None if body.state is None else EndpointState(body.state),
        )
        return models.endpoint(await webhooks.change_endpoint(command))

    @made.delete("/v1/webhook_endpoints/{endpoint}", permission=WRITE, summary="Delete it")
    async def delete(endpoint: str, asker: Asker) -> models.EndpointAnswer:
        command = DeleteEndpoint(asker.tenant, asker.mode, endpoint, asker.subject)
        return models.endpoint(await webhooks.delete_endpoint(command))

    del create, change, delete


def _add_reading(made: Routes, webhooks: Webhooks) -> None:
    @made.get("/v1/webhook_endpoints", permission=READ, summary="List endpoints of this mode")
    async def endpoints(asker: Asker, page: PageQuery) -> Page[models.EndpointAnswer]:
        query = EndpointsOf(asker.tenant, asker.mode, page.limit, forward(page))
        found = await webhooks.endpoints(query)
        data = [models.endpoint(one) for one in found.endpoints]
        return Page(data=data, has_more=found.has_more)

    @made.get("/v1/webhook_endpoints/{endpoint}", permission=READ, summary="One endpoint")
    async def endpoint(endpoint: str, asker: Asker) -> models.EndpointAnswer:
        return models.endpoint(await webhooks.endpoint(asker.tenant, asker.mode, endpoint))

    del endpoints, endpoint


def _add_doing(made: Routes, webhooks: Webhooks, ids: Ids) -> None:
    @made.post(
        "/v1/webhook_endpoints/{endpoint}/rotate", permission=WRITE, summary="Make a new secret"
    )
    async def rotate(
        endpoint: str, body: models.RotateBody, asker: Asker
    ) -> models.NewSecretAnswer:
        command = RotateSecret(
            ids.new("whs"),
            asker.tenant,
            asker.mode,
            endpoint,
            asker.subject,
            body.scheme,
            body.overlap_seconds,
        )
        return models.new_secret(await webhooks.rotate_secret(command))

    @made.post(
        "/v1/webhook_endpoints/{endpoint}/test", permission=WRITE, summary="Send it a sample"
    )
    async def test(endpoint: str, body: models.TestBody, asker: Asker) -> models.EventAnswer:
        command = TriggerEvent(ids.new("evt"), asker.tenant, asker.mode, body.type, endpoint)
        return models.event(await webhooks.trigger(command))

    @made.post(
        "/v1/webhook_endpoints/{endpoint}/resend",
        permission=WRITE,
        status=200,
        summary="Send again what fits",
    )
    async def resend(endpoint: str, body: models.ResendBody, asker: Asker) -> models.ResentAnswer:
        command = ResendMany(
            asker.tenant,
            asker.mode,
            endpoint,
            body.state,
            tuple(body.types),
            body.created_from,
            body.created_before,
            body.missed,
            body.after,
        )
        return models.ResentAnswer.model_validate(await webhooks.resend_many(command))

    del rotate, test, resend


def forward(page: PageRequest) -> str | None:
    """Return where a page begins, in a list that is read in one direction."""
    if page.ending_before is not None:
        raise Invalid("these lists are read forward: use starting_after", field="ending_before")
    return page.starting_after

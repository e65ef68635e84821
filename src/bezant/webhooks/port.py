"""The door of webhooks: the list of events, the endpoints that hear of them, and the deliveries.

An event is told at least once to every endpoint that asked for its type, signed as Standard
Webhooks says, and tried again for days. Order is not promised; the id of an event never changes.
"""

from typing import Protocol

from bezant.actor import Mode
from bezant.events import Event, Feed
from bezant.webhooks.delivery import (
    RESENT_AT_ONCE_MAX,
    Attempt,
    DeliveriesOf,
    Delivery,
    DeliveryPage,
    DeliveryState,
    Outcome,
    QueueDepth,
    Resend,
    ResendMany,
    Resent,
    UnknownDelivery,
)
from bezant.webhooks.endpoint import (
    DESCRIPTION_CHARACTERS_MAX,
    ENDPOINTS_MAX,
    FILTERS_MAX,
    OVERLAP_SECONDS_DEFAULT,
    OVERLAP_SECONDS_MAX,
    URL_CHARACTERS_MAX,
    ChangeEndpoint,
    CreateEndpoint,
    DeleteEndpoint,
    DisabledBecause,
    Endpoint,
    EndpointDisabled,
    EndpointPage,
    EndpointSecret,
    EndpointsOf,
    EndpointState,
    ForbiddenAddress,
    MalformedEndpoint,
    NewSecret,
    PayloadKind,
    RotateSecret,
    Scheme,
    SecretToldBefore,
    TooManyEndpoints,
    TooManySecrets,
    UnknownEndpoint,
)
from bezant.webhooks.event import (
    RUN_MAX,
    WAIT_MILLISECONDS_MAX,
    EventPage,
    EventRun,
    EventsAfter,
    EventsOf,
    MalformedEventType,
    SamplesOnlyInTest,
    TooManyStreams,
    TriggerEvent,
    UnknownEvent,
)

__all__ = [
    "DESCRIPTION_CHARACTERS_MAX",
    "ENDPOINTS_MAX",
    "FILTERS_MAX",
    "OVERLAP_SECONDS_DEFAULT",
    "OVERLAP_SECONDS_MAX",
    "RESENT_AT_ONCE_MAX",
    "RUN_MAX",
    "URL_CHARACTERS_MAX",
    "WAIT_MILLISECONDS_MAX",
    "Attempt",
    "ChangeEndpoint",
    "CreateEndpoint",
    "DeleteEndpoint",
    "DeliveriesOf",
    "Delivery",
    "DeliveryPage",
    "DeliveryState",
    "DisabledBecause",
    "Endpoint",
    "EndpointDisabled",
    "EndpointPage",
    "EndpointSecret",
    "EndpointState",
    "EndpointsOf",
    "EventPage",
    "EventRun",
    "EventsAfter",
    "EventsOf",
    "ForbiddenAddress",
    "MalformedEndpoint",
    "MalformedEventType",
    "NewSecret",
    "Outcome",
    "PayloadKind",
    "QueueDepth",
    "Resend",
    "ResendMany",
    "Resent",
    "RotateSecret",
    "SamplesOnlyInTest",
    "Scheme",
    "SecretToldBefore",
    "TooManyEndpoints",
    "TooManySecrets",
    "TooManyStreams",
    "TriggerEvent",
    "UnknownDelivery",
    "UnknownEndpoint",
    "UnknownEvent",
    "Webhooks",
    "WebhooksFeed",
]


class Webhooks(Protocol):
    """Tell the world what happened."""

    async def create_endpoint(self, command: CreateEndpoint) -> NewSecret:
        """Add an endpoint; its secret is told this once."""
        ...

    async def change_endpoint(self, command: ChangeEndpoint) -> Endpoint:
        """Change an endpoint, disable it or enable it again."""
        ...

    async def delete_endpoint(self, command: DeleteEndpoint) -> Endpoint:
        """Send nothing there any more; doing so again changes nothing."""
        ...

    async def rotate_secret(self, command: RotateSecret) -> NewSecret:
        """Make a new secret and let the old one sign as well for a while."""
        ...

    async def endpoint(self, tenant: str, mode: Mode, endpoint: str) -> Endpoint:
        """Return one endpoint."""
        ...

    async def endpoints(self, query: EndpointsOf) -> EndpointPage:
        """Return a page of endpoints, newest first."""
        ...

    async def deliveries(self, query: DeliveriesOf) -> DeliveryPage:
        """Return a page of deliveries, newest first."""
        ...

    async def delivery(self, tenant: str, mode: Mode, delivery: str) -> Delivery:
        """Return one delivery with its attempts."""
        ...

    async def resend(self, command: Resend) -> Delivery:
        """Make a delivery due now, with all its retries before it."""
        ...

    async def resend_many(self, command: ResendMany) -> Resent:
        """Make everything that fits due now."""
        ...

    async def queue(self) -> QueueDepth:
        """Return how much waits, over all merchants."""
        ...

    async def event(self, tenant: str, mode: Mode, event: str) -> Event:
        """Return one event."""
        ...

    async def events(self, query: EventsOf) -> EventPage:
        """Return a page of events, newest first."""
        ...

    async def place(self, tenant: str, mode: Mode, event: str | None) -> int:
        """Return where an event stands in the list; without one, where the list ends now."""
        ...

    async def events_after(self, query: EventsAfter) -> EventRun:
        """Return what comes after a place, oldest first; wait a little if nothing is there yet."""
        ...

    async def trigger(self, command: TriggerEvent) -> Event:
        """Make a sample event; asked twice, it is made once."""
        ...


class WebhooksFeed(Feed, Protocol):
    """What happened to endpoints: `webhook_endpoint.created`, `.changed`, `.secret_rotated`,
    `.disabled`, `.deleted`.
    """

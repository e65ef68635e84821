"""Requests and answers of webhooks as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bezant.actor import Mode
from bezant.events import Event
from bezant.webhooks.port import (
    DESCRIPTION_CHARACTERS_MAX,
    FILTERS_MAX,
    OVERLAP_SECONDS_DEFAULT,
    URL_CHARACTERS_MAX,
    Delivery,
    DeliveryState,
    DisabledBecause,
    Endpoint,
    EndpointState,
    NewSecret,
    Outcome,
    PayloadKind,
    Scheme,
)

Url = Annotated[str, Field(min_length=1, max_length=URL_CHARACTERS_MAX)]
Filters = Annotated[list[str], Field(min_length=1, max_length=FILTERS_MAX)]
Description = Annotated[str, Field(max_length=DESCRIPTION_CHARACTERS_MAX)]
TYPE_DEFAULT = "endpoint.tested"


class Request(BaseModel):
    """A request: a misspelt field is a mistake, not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer, read from what the port told."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class EndpointBody(Request):
    """An endpoint to add."""

    url: Url
    events: Filters = ["*"]
    description: Description = ""
    payload: PayloadKind = PayloadKind.SNAPSHOT
    signatures: Annotated[list[Scheme], Field(min_length=1, max_length=2)] = [Scheme.HMAC]


class EndpointChangeBody(Request):
    """What is to change; what is left out stays as it is."""

    url: Url | None = None
    events: Filters | None = None
    description: Description | None = None
    payload: PayloadKind | None = None
    state: Literal["enabled", "disabled"] | None = None


class RotateBody(Request):
    """Which secret to replace, and how long the old one signs as well."""

    scheme: Scheme = Scheme.HMAC
    overlap_seconds: int = OVERLAP_SECONDS_DEFAULT


class TestBody(Request):
    """Which sample to send. In live mode only `endpoint.tested`."""

    type: str = TYPE_DEFAULT


class TriggerBody(Request):
    """Which sample to make, for every endpoint that asked for its type."""

    type: str


class ResendBody(Request):
    """What to send again; what is left out fits all."""

    state: DeliveryState = DeliveryState.FAILED
    types: Annotated[list[str], Field(max_length=FILTERS_MAX)] = []
    created_from: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    missed: bool = False
    after: str | None = None


class SecretAnswer(Answer):
    """A secret of an endpoint, without the secret itself."""

    scheme: Scheme
    public_key: str | None
    created_at: datetime
    expires_at: datetime | None


class EndpointAnswer(Answer):
    """An endpoint."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    mode: Mode
    url: str
    description: str
    events: list[str]
    payload: PayloadKind
    state: EndpointState
    disabled_because: DisabledBecause | None
    disabled_at: datetime | None
    failing_since: datetime | None
    paused_until: datetime | None
    created_at: datetime
    secrets: list[SecretAnswer]


class NewSecretAnswer(EndpointAnswer):
    """An endpoint with a secret that is told this once."""

    secret: str | None


class AttemptAnswer(Answer):
    """One attempt to deliver."""

    number: int
    started_at: datetime
    milliseconds: int
    outcome: Outcome
    status: int | None
    answer: str


class DeliveryAnswer(Answer):
    """A delivery."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    event: str
    type: str
    endpoint: str
    state: DeliveryState
    retries: int
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    next_attempt_at: datetime | None


class DeliveryWithAttemptsAnswer(DeliveryAnswer):
    """A delivery with its last attempts, newest first."""

    tries: list[AttemptAnswer]


class ResentAnswer(Answer):
    """How many deliveries were made due; asked again from `after` on, the rest."""

    count: int
    has_more: bool
    after: str | None


Data = Mapping[str, object]


class EventAnswer(Answer):
    """An event, as deliveries carry it."""

    id: str
    object: Literal["event"] = "event"
    type: str
    timestamp: datetime
    version: int
    mode: Mode
    subject: str
    data: Data


class ExpandedEventAnswer(EventAnswer):
    """An event with what `expand` asked for."""

    deliveries: list[DeliveryAnswer] | None = None
    """Who was told of it: the first hundred."""


def endpoint(told: Endpoint) -> EndpointAnswer:
    """Answer an endpoint."""
    return EndpointAnswer.model_validate(told)


def new_secret(told: NewSecret) -> NewSecretAnswer:
    """Answer an endpoint with its new secret."""
    secret = None if told.secret is None else told.secret.reveal()
    return NewSecretAnswer(**endpoint(told.endpoint).model_dump(), secret=secret)


def delivery(told: Delivery) -> DeliveryAnswer:
    """Answer a delivery."""
    return DeliveryAnswer.model_validate(told)


def delivery_with_attempts(told: Delivery) -> DeliveryWithAttemptsAnswer:
    """Answer a delivery with its attempts."""
    return DeliveryWithAttemptsAnswer.model_validate(told)


def event(told: Event) -> EventAnswer:
    """Answer an event."""
    return EventAnswer(
        id=told.id,
        type=told.type,
        timestamp=told.occurred_at,
        version=told.version,
        mode=told.mode,
        subject=told.subject,
        data=told.data,
    )


def expanded(told: Event, deliveries: list[DeliveryAnswer] | None) -> ExpandedEventAnswer:
    """Answer an event with its deliveries."""
    return ExpandedEventAnswer(**dict(event(told)), deliveries=deliveries)

"""What an emulator is: its routes, its manners and its dialect. `calls.Front` does the rest.

A handler is a plain function of a call and a page of the book. It returns the answer, or raises
`NotDone(answer)`, which takes back what it did: for requests that are wrong, which a provider does
not remember. A declined card is an answer, and what it changed stays.

    def capture(call: Call, page: Page) -> Answer: ...

    Route("POST", "/v1/payment_intents/{id}/capture", "capture", capture)
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, cached_property
from typing import Final, Protocol
from urllib.parse import parse_qsl

from bezant.sandbox.book import Page
from bezant.sandbox.exchange import Answer, Kept
from bezant.sandbox.schedule import Delivery, Due
from bezant.sandbox.scripts import OF_HANDLERS, Effect, Script
from bezant.secret import Secret

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)  # Not slotted: what is read from the body is read once and kept.
class Call:
    """One request to an emulator."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes
    base_url: str
    """Where the caller reached us, without a slash at the end: for links."""
    request: str
    """An id for this request, drawn by chance."""
    operation: str = ""
    """The name of the route."""
    parameters: Mapping[str, str] | None = None
    """What stands in the path."""
    script: Script | None = None
    """The script that changes this call's course, if the handler is the one to follow it."""

    @cached_property
    def pairs(self) -> Sequence[tuple[str, str]]:
        """Return query and form, in their order, each name as it was written (`card[number]`)."""
        written = self.headers.get("content-type", "")
        form: list[tuple[str, str]] = []
        if self.body and not written.startswith(("application/json", "multipart/")):
            text = self.body.decode("utf-8", "replace")
            form = parse_qsl(text, keep_blank_values=True, max_num_fields=1_000)
        return (*self.query, *form)

    @cached_property
    def form(self) -> Mapping[str, str]:
        """Return query and form by name; the last one of several counts."""
        return dict(self.pairs)

    @property
    def told(self) -> bytes:
        """Return what tells this request from another one under the same idempotency key."""
        return f"{self.method} {self.path}\n".encode() + self.body

    def at(self, name: str) -> str:
        """Return a part of the path."""
        return (self.parameters or {})[name]

    def header(self, name: str) -> str:
        """Return a header, or nothing."""
        return self.headers.get(name, "")

    def secret(self) -> str:
        """Return the key that is sent as a bearer's, or as the user of HTTP's basic scheme."""
        scheme, _, word = self.header("authorization").partition(" ")
        if scheme.lower() == "bearer":
            return word.strip()
        return self.basic()[0] if scheme.lower() == "basic" else ""

    def basic(self) -> tuple[str, str]:
        """Return user and password of HTTP's basic scheme; empty if they cannot be read."""
        word = self.header("authorization").partition(" ")[2].strip()
        try:
            user, _, password = b64decode(word, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        return user, password


Handler = Callable[[Call, Page], Answer]


class NotDone(Exception):
    """Ends a handler with this answer, as if it had done nothing."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.status)


class Failure(StrEnum):
    """What goes wrong with a call whoever it is for."""

    NO_ROUTE = "no_route"
    TOO_LARGE = "too_large"
    SERVER_ERROR = "server_error"
    RATE_LIMIT = "rate_limit"
    IN_FLIGHT = "in_flight"
    """Another request under this idempotency key is being worked on."""
    OTHER_REQUEST = "other_request"
    """This idempotency key was used for another request."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call before it is worked on: for scripts, and to recognise a repeat."""

    key: str = ""
    """Its idempotency key; empty if it has none or needs none."""
    amount: str = ""
    """The amount as it stands there, in the provider's own spelling."""
    scope: str = ""
    """Within what the key counts, where that is not all of the provider."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of an emulator."""

    method: str
    path: str
    operation: str
    """How scripts call it."""
    handler: Handler
    heeds: frozenset[Effect] = OF_HANDLERS
    """Which scripts its handler can follow; the others wait for another call."""

    def matches(self, path: str) -> dict[str, str] | None:
        """Return the parts of a path of this shape."""
        found = _shape(self.path).fullmatch(path)
        return None if found is None else found.groupdict()


@cache
def _shape(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path)
    # Texts and names of parameters take turns.
    pieces = [f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts)]
    return re.compile("".join(pieces))


@dataclass(frozen=True, slots=True)
class SettlementFile:
    """A provider's report about one day, as its customers download it."""

    name: str
    kind: str
    """Its media type."""
    text: str


@dataclass(frozen=True, slots=True)
class Access:
    """What an emulator and its customer agreed on. What a provider does not know stays empty."""

    name: str = ""
    """Whom the secret belongs to, where a provider asks for a name: a client id, a key's name."""
    secret: Secret[str] = field(default_factory=lambda: Secret(""))
    """What proves a caller: an API key, a client's secret, the public half of a key."""
    webhook_url: str = ""
    """Where webhooks go; empty if nowhere."""
    webhook_id: str = "configured"
    webhook_secret: Secret[str] = field(default_factory=lambda: Secret(""))

    def prepare(self, page: Page) -> None:
        """Send webhooks where they were agreed to go, and to no earlier place."""
        if self.webhook_url:
            secret = self.webhook_secret.reveal()
            page.set_endpoint(self.webhook_id, self.webhook_url, secret)
        else:
            page.drop_endpoint(self.webhook_id)


class Emulator(Protocol):
    """One provider."""

    provider: str
    keeps_server_errors: bool
    """Whether a 500 is kept under the idempotency key, so that a repeat meets it again."""
    remembers: timedelta
    """How long an answer is kept under its idempotency key."""
    retry_seconds: Sequence[int]
    """How long after each failed try a webhook is sent once more; then it is given up."""

    def routes(self) -> Sequence[Route]:
        """Return every operation; the first that fits is taken."""
        ...

    def prepare(self, page: Page) -> None:
        """Put into the book what has to be there from the start; called at every start."""
        ...

    def admit(self, call: Call, page: Page) -> Answer | None:
        """Return a refusal for those who may not call; nothing for those who may."""
        ...

    def facts(self, call: Call) -> Facts:
        """Return what is known of a call before it is worked on."""
        ...

    def failed(self, call: Call, failure: Failure) -> Answer:
        """Say what went wrong in the provider's own words."""
        ...

    def replayed(self, call: Call, page: Page, kept: Kept) -> Answer:
        """Return what a repeated request is answered; the request is the same as then."""
        ...

    def dressed(self, call: Call, answer: Answer) -> Answer:
        """Return an answer with the headers this provider puts on every one."""
        ...

    def when_due(self, page: Page, due: Due) -> None:
        """Do what was planned. `page.now` is the time it was planned for."""
        ...

    def signed(self, page: Page, delivery: Delivery) -> Mapping[str, str]:
        """Return the headers of a webhook. One that is `forged` is signed by somebody else."""
        ...

    def settlement(self, page: Page, day: date) -> SettlementFile:
        """Return the report about one day."""
        ...

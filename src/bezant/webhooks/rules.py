"""What an endpoint must be, what a filter means, and what follows from an answer. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bezant.errors import Invalid
from bezant.secret import holds_card_number
from bezant.webhooks.delivery import Outcome
from bezant.webhooks.endpoint import (
    DESCRIPTION_CHARACTERS_MAX,
    FILTERS_MAX,
    OVERLAP_SECONDS_MAX,
    MalformedEndpoint,
    Scheme,
)
from bezant.webhooks.event import MalformedEventType
from bezant.webhooks.schedule import RETRY_AFTER_SECONDS_MAX, Schedule

PAGE_MAX: Final = 100
TYPE_CHARACTERS_MAX: Final = 100
EVERYTHING: Final = "*"
TESTED: Final = "endpoint.tested"
"""The type of the event with which an endpoint is tried out."""
DISABLED: Final = "webhook_endpoint.disabled"
GIVEN_UP: Final = "webhook_delivery.failed"
ALARMS: Final = frozenset({DISABLED, GIVEN_UP})
"""What we tell of our own. That one of these could not be delivered makes no further one."""
# These say that somebody is busy rather than that something is wrong.
BUSY: Final = frozenset({429, 502, 503, 504})

_WORD = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
_TYPE: Final = re.compile(rf"{_WORD}(?:\.{_WORD})+\Z")
_FILTER: Final = re.compile(rf"\*|{_WORD}(?:\.{_WORD})*\.\*|{_WORD}(?:\.{_WORD})+\Z")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt for its delivery."""

    settled: bool
    """It was delivered or is given up."""
    retries: int
    due_at: datetime
    paused_until: datetime | None = None
    """The endpoint asked to be left alone until then."""


def judge(
    outcome: Outcome,
    status: int | None,
    asked_seconds: int,
    retries: int,
    now: datetime,
    schedule: Schedule,
    chance: bytes,
) -> Verdict:
    """Decide whether a delivery is done, and if not, when it is tried again."""
    if outcome in (Outcome.DELIVERED, Outcome.GONE):
        return Verdict(settled=True, retries=retries, due_at=now)
    asked_seconds = min(asked_seconds, RETRY_AFTER_SECONDS_MAX)
    paused = asked_seconds > 0 and status in BUSY
    paused_until = now + timedelta(seconds=asked_seconds) if paused else None
    pause = schedule.pause(retries, asked_seconds, chance)
    if pause is None:
        return Verdict(settled=True, retries=retries, due_at=now, paused_until=paused_until)
    return Verdict(
        settled=False, retries=retries + 1, due_at=now + pause, paused_until=paused_until
    )


def well_formed_filters(filters: tuple[str, ...], field: str = "events") -> tuple[str, ...]:
    """Return the filters without repeats, or say what is wrong with them."""
    distinct = tuple(dict.fromkeys(filters))
    if not 0 < len(distinct) <= FILTERS_MAX:
        raise MalformedEndpoint(f"name 1 to {FILTERS_MAX} filters", field=field)
    for one in distinct:
        if len(one) > TYPE_CHARACTERS_MAX or not _FILTER.fullmatch(one):
            raise MalformedEventType("a filter is *, payment.* or payment.captured", field=field)
    return distinct


def well_formed_type(text: str) -> str:
    """Return the type of an event if it is one."""
    if len(text) > TYPE_CHARACTERS_MAX or not _TYPE.match(text):
        raise MalformedEventType(field="type")
    return text


def well_formed_description(text: str) -> str:
    """Return a description that can be shown."""
    text = text.strip()
    if len(text) > DESCRIPTION_CHARACTERS_MAX or not (text.isprintable() or not text):
        raise MalformedEndpoint("a description has at most 500 characters", field="description")
    if holds_card_number(text):
        raise MalformedEndpoint("a card's number does not belong here", field="description")
    return text


def well_formed_signatures(schemes: tuple[Scheme, ...]) -> tuple[Scheme, ...]:
    """Return how an endpoint's deliveries are signed, in one order."""
    return tuple(scheme for scheme in Scheme if scheme in (schemes or (Scheme.HMAC,)))


def well_formed_overlap(seconds: int) -> timedelta:
    """Return how long two secrets sign together."""
    if not 0 <= seconds <= OVERLAP_SECONDS_MAX:
        raise Invalid("secrets overlap for at most 30 days", field="overlap_seconds")
    return timedelta(seconds=seconds)


def page_limit(limit: int) -> int:
    """Return how many items a page may have."""
    return max(1, min(limit, PAGE_MAX))

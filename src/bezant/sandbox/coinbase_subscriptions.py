"""Where Coinbase's events go, as the CDP API lets customers say it."""

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_checkouts import decode
from bezant.sandbox.coinbase_errors import no_such, refused
from bezant.sandbox.coinbase_events import new_uuid
from bezant.sandbox.coinbase_objects import Subscription
from bezant.sandbox.coinbase_views import subscription as view
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer


class Target(msgspec.Struct, frozen=True):
    """An address."""

    url: str


class SubscriptionRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Which events are wanted, and where."""

    event_types: tuple[str, ...]
    target: Target
    description: str = ""


def create(call: Call, page: Page) -> Answer:
    """Send events there from now on; the secret is told once and again."""
    asked = decode(call, SubscriptionRequest)
    if not asked.event_types or not asked.target.url.startswith(("http://", "https://")):
        raise refused(call, "a subscription has event types and an address")
    one = Subscription(
        id=new_uuid(page),
        url=asked.target.url,
        description=asked.description,
        events=asked.event_types,
        secret=new_uuid(page),
        created_at=page.now,
    )
    page.put(one)
    page.set_endpoint(one.id, one.url, one.secret, *one.events)
    return Answer.json(201, view(one))


def find(call: Call, page: Page) -> Answer:
    """List the subscriptions."""
    del call
    active = {one.id for one in page.endpoints()}
    found = [view(one) for one in page.find(Subscription) if one.id in active]
    return Answer.json(200, {"subscriptions": found})


def show(call: Call, page: Page) -> Answer:
    """Show a subscription."""
    return Answer.json(200, view(_known(call, page)))


def drop(call: Call, page: Page) -> Answer:
    """Send no events there any more."""
    page.drop_endpoint(_known(call, page).id)
    return Answer(204)


def _known(call: Call, page: Page) -> Subscription:
    one = page.get(Subscription, call.at("id"))
    if one is None or one.id not in {each.id for each in page.endpoints()}:
        raise no_such(call, "subscription")
    return one

"""The acquirer's events: signed as it signs them, or badly."""

import asyncio
import hashlib
import hmac
import itertools
import json
from typing import Any

from tests.payments.till import Till

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.payments.port import Arrival, Arrived
from bezant.psp.account import Account, Bearer, Clocks
from bezant.psp.checks.timed import TimedSignature
from bezant.psp.port import WebhookCheck
from bezant.secret import Secret

SECRET = "the acquirer's secret in tests"
_numbers = itertools.count(1)


def checks(clock: Clock) -> dict[str, WebhookCheck]:
    """Return the check of the acquirer's events, by this clock."""
    account = Account(
        "card", Mode.TEST, "http://127.0.0.1:1", Bearer(Secret("x")), (Secret(SECRET),)
    )
    return {"card": TimedSignature("card", [account], Clocks(clock, clock))}


def written(kind: str, thing: dict[str, Any], name: str = "") -> bytes:
    """Write an event."""
    return json.dumps(
        {
            "id": name or f"evt_{next(_numbers)}",
            "type": kind,
            "created_at": "2026-08-01T12:00:00Z",
            "data": thing,
        }
    ).encode()


def signed(clock: Clock, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Return the headers that come with an event."""
    seconds = str(int(clock.now().timestamp()))
    told = f"{seconds}.".encode() + body
    signature = hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()
    return {"card-signature": f"t={seconds},v1={signature}", "content-type": "application/json"}


async def deliver(till: Till, body: bytes) -> Arrived:
    """Bring an event to the door and let it be acted on."""
    arrived = await till.payments.arrive(Arrival("card", Mode.TEST, signed(till.clock, body), body))
    await till.payments.act_on_arrivals()
    await till.acted()
    return arrived


async def deliver_meanwhile(till: Till, body: bytes) -> None:
    """Bring another event to the door while one is acted on, and wait for the other only."""
    waiting = till.count("arrival", "due_at IS NOT NULL")
    await till.payments.arrive(Arrival("card", Mode.TEST, signed(till.clock, body), body))
    async with asyncio.timeout(60):
        while till.count("arrival", "due_at IS NOT NULL") > waiting:
            await till.payments.act_on_arrivals()
            await asyncio.sleep(0.01)

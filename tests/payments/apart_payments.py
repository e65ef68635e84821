"""Payments that another process can open: see `tests.rpc.apart`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from tests.payments.till import service_on

from bezant.clock import MovableClock
from bezant.payments.service import PaymentsService


@asynccontextmanager
async def payments_service(ledger: str, payments: str, now: str) -> AsyncIterator[PaymentsService]:
    """Open payments at these addresses, at this hour, with an acquirer in this process."""
    clock = MovableClock(datetime.fromisoformat(now))
    async with service_on(ledger, payments, clock) as till:
        yield till.payments

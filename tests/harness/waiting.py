"""Waiting for a condition, with a generous end, so that no test sleeps and hopes."""

import asyncio
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.01
PATIENCE_SECONDS = 60.0


def wait_until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait for a condition and return the seconds it took; raise naming it if it never comes."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - began


async def until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait likewise, and let everything else of this event loop go on."""
    began = time.monotonic()
    while True:
        if true():
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            raise AssertionError(f"after {seconds} s still not: {what}")
        await asyncio.sleep(PAUSE_SECONDS)

"""The desk as the platform beside it asks it: over the loopback, in whatever process it is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from bezant.errors import NotFound, Unavailable
from bezant.sandbox.scripts import MalformedScript

ANSWER_SECONDS_MAX: Final = 10.0
Told = TypeVar("Told")


class NoSandbox(NotFound):
    """This installation has no emulated providers."""

    code = "no_sandbox"


class SandboxAway(Unavailable):
    """The emulated providers do not answer just now."""

    code = "sandbox_away"


class Waiting(msgspec.Struct, frozen=True):
    """A script that waits for its call."""

    number: int
    effect: str
    provider: str
    operation: str
    amount: str
    key: str
    code: str
    seconds: int
    times_left: int


class Standing(msgspec.Struct, frozen=True):
    """What the desk says of itself."""

    time: datetime
    providers: tuple[str, ...]


class Wish(msgspec.Struct, frozen=True):
    """A script as it is asked for."""

    effect: str
    provider: str
    operation: str
    code: str
    seconds: int
    times: int


class _Scripts(msgspec.Struct, frozen=True):
    scripts: tuple[Waiting, ...]


class _Made(msgspec.Struct, frozen=True):
    number: int


class _Ended(msgspec.Struct, frozen=True):
    ended: int


class _Refusal(msgspec.Struct, frozen=True):
    detail: str = "the sandbox did not understand"


class Door:
    """Asks the desk. Without an address there is none."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def standing(self) -> Standing:
        """Return what time it is at the desk, and which providers are emulated."""
        return await self._ask("GET", "/health", Standing)

    async def scripts(self) -> Sequence[Waiting]:
        """Return the scripts that wait for their calls."""
        return (await self._ask("GET", "/scripts", _Scripts)).scripts

    async def add(self, wish: Wish) -> int:
        """Let a script wait; return its number."""
        return (await self._ask("POST", "/scripts", _Made, msgspec.json.encode(wish))).number

    async def end(self) -> int:
        """Let no script wait any longer; return how many did."""
        return (await self._ask("DELETE", "/scripts", _Ended)).ended

    async def catch_up(self) -> datetime:
        """Let everything that is due by now happen there."""
        return (await self._ask("POST", "/due", _Now)).time

    async def _ask(self, method: str, path: str, told: type[Told], body: bytes = b"") -> Told:
        if not self._address:
            raise NoSandbox
        try:
            async with (
                ClientSession(
                    timeout=ClientTimeout(total=ANSWER_SECONDS_MAX), cookie_jar=DummyCookieJar()
                ) as session,
                session.request(method, self._address + path, data=body or None) as answer,
            ):
                content = await answer.read()
                status = answer.status
        except (ClientError, TimeoutError) as failure:
            raise SandboxAway from failure
        try:
            if status < 300:
                return msgspec.json.decode(content, type=told)
            refusal = msgspec.json.decode(content, type=_Refusal)
        except msgspec.DecodeError as failure:
            raise SandboxAway from failure
        raise MalformedScript(refusal.detail)


class _Now(msgspec.Struct, frozen=True):
    time: datetime


class Moved(msgspec.Struct, frozen=True):
    """Where business time is."""

    now: datetime
    ahead: timedelta
    followed: bool
    """Every process of the demo is there."""

"""The sandbox for the office: what goes wrong next at the emulated providers, and the clock.

It exists in a demo only and is asked in test mode only. Whatever is asked for here happens to the
demo as a whole.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, Field

from bezant.actor import Actor, Mode
from bezant.errors import Refused
from bezant.http.routes import Asker, Routes
from bezant.sandbox.door import Door, Moved, Waiting, Wish
from bezant.sandbox.scripts import Effect

READ, WRITE = "sandbox.read", "sandbox.write"
STEP_SECONDS_MAX: Final = 366 * 86_400


class SandboxInTestMode(Refused):
    """The emulated providers belong to test mode."""

    code = "sandbox_in_test_mode"


class TimeMover(Protocol):
    """Business time, which a demo may move ahead."""

    async def where(self) -> Moved:
        """Return where business time is."""
        ...

    async def move(self, by: timedelta) -> Moved:
        """Move it ahead, and wait until everybody follows."""
        ...


class ScriptBody(BaseModel):
    """How the next call to a provider goes wrong."""

    effect: Effect
    provider: Annotated[str, Field(max_length=20)] = ""
    operation: Annotated[str, Field(max_length=60)] = ""
    code: Annotated[str, Field(max_length=60)] = ""
    seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 0
    times: Annotated[int, Field(ge=1, le=1_000)] = 1


class ScriptAnswer(BaseModel):
    """A script that waits for its call."""

    object: str = "sandbox_script"
    number: int
    effect: Effect
    provider: str
    operation: str
    code: str
    seconds: int
    left: int

    @classmethod
    def of(cls, found: Waiting) -> "ScriptAnswer":
        """Return a script as it is answered."""
        return cls(
            number=found.number, effect=Effect(found.effect), provider=found.provider,
            operation=found.operation, code=found.code, seconds=found.seconds,
            left=found.times_left,
        )  # fmt: skip


class SandboxAnswer(BaseModel):
    """The sandbox as it stands."""

    object: str = "sandbox"
    now: datetime
    ahead_seconds: int
    providers: list[str]
    scripts: list[ScriptAnswer]


class ClearedAnswer(BaseModel):
    """How many scripts wait no longer."""

    object: str = "sandbox_cleared"
    ended: int


class StepBody(BaseModel):
    """How far the clock is moved ahead."""

    seconds: Annotated[int, Field(ge=1, le=STEP_SECONDS_MAX)]


class ClockAnswer(BaseModel):
    """Where business time is."""

    object: str = "sandbox_clock"
    now: datetime
    ahead_seconds: int
    followed: bool

    @classmethod
    def of(cls, moved: Moved) -> "ClockAnswer":
        """Return business time as it is answered."""
        return cls(
            now=moved.now,
            ahead_seconds=moved.ahead // timedelta(seconds=1),
            followed=moved.followed,
        )


def routes(door: Door, time: TimeMover) -> Routes:
    """Return the routes of the sandbox."""
    made = Routes("sandbox")

    @made.get("/v1/sandbox", permission=READ, summary="Show the emulated providers")
    async def standing(asker: Asker) -> SandboxAnswer:
        _in_test(asker)
        there = await door.standing()
        where = ClockAnswer.of(await time.where())
        return SandboxAnswer(
            now=where.now,
            ahead_seconds=where.ahead_seconds,
            providers=list(there.providers),
            scripts=[ScriptAnswer.of(one) for one in await door.scripts()],
        )

    @made.post(
        "/v1/sandbox/scripts", permission=WRITE, summary="Let the next call to a provider go wrong"
    )
    async def script(body: ScriptBody, asker: Asker) -> ScriptAnswer:
        _in_test(asker)
        wish = Wish(
            body.effect.value, body.provider, body.operation, body.code, body.seconds, body.times
        )
        number = await door.add(wish)
        return ScriptAnswer(
            number=number, effect=body.effect, provider=body.provider, operation=body.operation,
            code=body.code, seconds=body.seconds, left=body.times,
        )  # fmt: skip

    @made.delete("/v1/sandbox/scripts", permission=WRITE, summary="Let everything go well again")
    async def clear(asker: Asker) -> ClearedAnswer:
        _in_test(asker)
        return ClearedAnswer(ended=await door.end())

    @made.post("/v1/sandbox/clock", permission=WRITE, status=200, summary="Move the clock ahead")
    async def clock(body: StepBody, asker: Asker) -> ClockAnswer:
        _in_test(asker)
        await door.standing()  # Without emulators time stays where it is.
        moved = await time.move(timedelta(seconds=body.seconds))
        await door.catch_up()
        return ClockAnswer.of(moved)

    del standing, script, clear, clock
    return made


def _in_test(asker: Actor) -> None:
    if asker.mode is not Mode.TEST:
        raise SandboxInTestMode

"""Scripted behaviour: what an emulator does to the next calls instead of, or besides, its duty."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bezant.errors import Invalid

TIMES_MAX: Final = 1_000_000
SECONDS_MAX: Final = 30 * 86_400
ANY: Final = ""


class Effect(StrEnum):
    """What happens. The emulator of the provider speaks each of them in its own dialect."""

    DECLINE = "decline"
    """Refused by the issuer with `code`."""
    SOFT_DECLINE = "soft_decline"
    """Refused for a reason that may pass; another provider or another day may do."""
    HARD_DECLINE = "hard_decline"
    """Refused for good."""
    CHALLENGE = "challenge"
    """The payer has to confirm it on a page (3-D Secure, approval)."""
    DISPUTE = "dispute"
    """The payer disputes the money once it was captured."""
    RETURN = "return"
    """The bank takes the money back, `seconds` after it arrived, with `code`."""
    STALE = "stale"
    """A search finds nothing of the last `seconds`, as an index that lags behind."""

    DROP_BEFORE_ACTING = "drop_before_acting"
    TIMEOUT_BEFORE_ACTING = "timeout_before_acting"
    ERROR_BEFORE_ACTING = "error_before_acting"
    """A 500, and nothing was done."""
    RATE_LIMIT = "rate_limit"
    SLOW = "slow"
    """Waits `seconds` of real time, then does its duty."""
    DROP_AFTER_ACTING = "drop_after_acting"
    TIMEOUT_AFTER_ACTING = "timeout_after_acting"
    ERROR_AFTER_ACTING = "error_after_acting"
    """A 500, and it was done."""

    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_LATE = "webhook_late"
    """Sent `seconds` later."""
    WEBHOOK_REORDER = "webhook_reorder"
    """Sent only after the next one."""
    WEBHOOK_FORGE = "webhook_forge"
    """A copy that the provider did not sign comes first."""
    WEBHOOK_WITHHOLD = "webhook_withhold"
    """Never sent."""


BEFORE_ACTING: Final = frozenset(
    {
        Effect.DROP_BEFORE_ACTING,
        Effect.TIMEOUT_BEFORE_ACTING,
        Effect.ERROR_BEFORE_ACTING,
        Effect.RATE_LIMIT,
    }
)
REFUSALS: Final = frozenset({Effect.DECLINE, Effect.SOFT_DECLINE, Effect.HARD_DECLINE})
OF_HANDLERS: Final = REFUSALS | {Effect.CHALLENGE, Effect.DISPUTE, Effect.RETURN, Effect.STALE}
"""What only a handler can follow; the rest of a call's effects happen to whichever call it is."""
OF_WEBHOOKS: Final = frozenset(effect for effect in Effect if effect.startswith("webhook_"))
OF_CALLS: Final = frozenset(Effect) - OF_WEBHOOKS


_REFUSALS: Final = {
    Effect.DECLINE: "generic_decline",
    Effect.SOFT_DECLINE: "try_again_later",
    Effect.HARD_DECLINE: "stolen_card",
}


class MalformedScript(Invalid):
    """A script of the sandbox is not well formed."""

    code = "malformed_script"


@dataclass(frozen=True, slots=True)
class Script:
    """Which calls are meant, and what happens to them. What is empty matches everything."""

    effect: Effect
    provider: str = ANY
    operation: str = ANY
    """Of a call, such as `capture`; for webhooks, the event's type."""
    amount: str = ANY
    """As it stands in the call, in whichever unit and spelling the provider uses."""
    key: str = ANY
    """The call's idempotency key."""
    code: str = ""
    seconds: int = 0
    times_left: int = 1
    number: int = 0

    @classmethod
    def asked(
        cls,
        effect: str,
        *,
        provider: str = ANY,
        operation: str = ANY,
        amount: str = ANY,
        key: str = ANY,
        code: str = "",
        seconds: int = 0,
        times: int = 1,
    ) -> "Script":
        """Read a script as people and programs write it."""
        known = next((one for one in Effect if one == effect), None)
        if known is None:
            raise MalformedScript(f"effects are {', '.join(Effect)}", field="effect")
        if times < 1:
            raise MalformedScript("a script works at least once", field="times")
        return cls(known, provider, operation, amount, key, code, seconds, times)

    @property
    def refusal(self) -> str:
        """Return why an issuer refuses, if this script is about that; else nothing."""
        return self.code or _REFUSALS[self.effect] if self.effect in _REFUSALS else ""

    def __post_init__(self) -> None:
        if not 0 <= self.times_left <= TIMES_MAX:
            raise MalformedScript(f"a script works at most {TIMES_MAX} times", field="times")
        if not 0 <= self.seconds <= SECONDS_MAX:
            raise MalformedScript("a script waits at most 30 days", field="seconds")

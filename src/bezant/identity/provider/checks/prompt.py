"""OpenID Connect Core, 3.1.2.1: when somebody is asked again, or must not be asked at all."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bezant.identity.oauth import InvalidRequest

LOGIN: Final = "login"
CONSENT: Final = "consent"
NONE: Final = "none"
SELECT: Final = "select_account"
MAX_AGE_SECONDS_MAX: Final = 10**9


def prompts(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """If this parameter contains none with any other value, an error is returned."""
    wanted = tuple(parameters.get("prompt", "").split())
    if not frozenset(wanted) <= {LOGIN, CONSENT, NONE, SELECT} or len(set(wanted)) != len(wanted):
        raise InvalidRequest("prompt is none, login, consent or select_account")
    if NONE in wanted and len(wanted) > 1:
        raise InvalidRequest("prompt=none stands alone")
    return wanted


def max_age_seconds(parameters: Mapping[str, str]) -> int | None:
    """Specifies the allowable elapsed time in seconds since the End-User was authenticated."""
    text = parameters.get("max_age")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:10]) > MAX_AGE_SECONDS_MAX:
        raise InvalidRequest("max_age is a number of seconds")
    return int(text[:10])


def is_stale(signed_in_at: datetime, now: datetime, seconds: int | None) -> bool:
    """If the elapsed time is greater than this value, the OP MUST attempt to actively
    re-authenticate the End-User.
    """
    return seconds is not None and (now - signed_in_at).total_seconds() > seconds

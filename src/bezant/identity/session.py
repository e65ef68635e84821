"""Sessions: a member at work on some device."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bezant.actor import Actor, Mode
from bezant.errors import Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated
from bezant.secret import Secret

NEVER_TOLD: Final = datetime.fromtimestamp(0, UTC)
"""When somebody proved who they are, where nobody says when: never lately."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """Show an e-mail address and a password."""

    email: str
    password: Secret[str]
    tenant: str = ""
    """Which of one's tenants to enter; left out, the one joined first."""
    mode: Mode = Mode.TEST
    address: str = ""
    agent: str = ""
    proof: Secret[str] = Secret("")  # noqa: RUF009 - it cannot change
    """A code of an app or a recovery code, for those who have set them up."""


@dataclass(frozen=True, slots=True)
class SwitchSession:
    """Enter another of one's tenants, or the other mode."""

    token: Secret[str]
    tenant: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class EndSession:
    """Sign out one of one's own sessions."""

    by: Actor
    session: str


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Replace one's own password; every session of the member ends."""

    by: Actor
    old: Secret[str]
    new: Secret[str]


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody logged in on some device."""

    id: str
    member: str
    tenant: str
    mode: Mode
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
    methods: tuple[str, ...] = ()
    """How they proved who they are, in the words of RFC 8176."""
    proved_at: datetime | None = None
    """When they did so last."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session and its token, which is told this once."""

    session: Session
    token: Secret[str]


class UnknownSession(NotFound):
    """There is no such session."""

    code = "unknown_session"


class WrongLogin(Unauthenticated):
    """E-mail address and password do not fit together."""

    # The same whether the address is unknown or the password wrong.
    code = "wrong_login"


class TooManyTries(TooManyRequests):
    """Too many wrong passwords for this address or from this place; wait, then try again."""

    # Counted by the address that was typed, whether or not it is a member's, so it tells nothing.
    code = "too_many_tries"


class LoginBusy(TooManyRequests):
    """Too many people are logging in right now; try again in a moment."""

    code = "login_busy"


class MemberInactive(Forbidden):
    """Nobody logged in here for a long time; an administrator can send a new invitation."""

    code = "member_inactive"


class WeakPassword(Invalid):
    """This password is too easy to guess."""

    code = "weak_password"


class PasswordUsedBefore(Invalid):
    """This password is one of the last four."""

    code = "password_used_before"

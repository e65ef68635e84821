"""People: how somebody signs up, proves who they are, and looks after their own security.

A *factor* is what somebody has beside a password: a passkey, or codes that change every half
minute. With the first of them come recovery codes, for the day when it is lost. A passkey proves
both at once and needs no password.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bezant.actor import Actor, Mode
from bezant.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unauthenticated
from bezant.identity.issued import Tokens
from bezant.identity.member import Member
from bezant.identity.session import LogIn, NewSession, Session
from bezant.secret import Secret

PASSKEYS_MAX: Final = 20  # More devices than that nobody oversees.
PASSKEY_NAME_CHARACTERS_MAX: Final = 100
CODE_CHARACTERS_MAX: Final = 32
ASSERTION_CHARACTERS_MAX: Final = 16_384


class SecondFactorNeeded(Unauthenticated):
    """Name and password are right; a code or a passkey is needed as well."""

    code = "second_factor_needed"


class WrongCode(Unauthenticated):
    """This code is not right: it was mistyped, used before, or is too old."""

    code = "wrong_code"


class PasskeyRefused(Unauthenticated):
    """This passkey does not open anything here."""

    # The same whether it is unknown, copied, another site's, or answers another question.
    code = "passkey_refused"


class PasskeyMalformed(Invalid):
    """This is not what a browser answers when it registers a passkey here."""

    code = "passkey_malformed"


class PasskeyKnown(Conflict):
    """This passkey is registered already."""

    code = "passkey_known"


class TooManyPasskeys(Refused):
    """There are as many passkeys as one person can have; remove one first."""

    code = "too_many_passkeys"


class CodesKnown(Conflict):
    """Codes from an app are set up already; remove them first."""

    code = "codes_known"


class UnknownFactor(NotFound):
    """There is no such passkey, or there are no codes."""

    code = "unknown_factor"


class UnknownConsent(NotFound):
    """You allowed this program nothing."""

    code = "unknown_consent"


class SignUpClosed(Forbidden):
    """Nobody can sign up here by themselves."""

    code = "sign_up_closed"


class ConfirmationInvalid(Unauthenticated):
    """This code is not valid: it was used, has expired, or was not copied whole."""

    code = "confirmation_invalid"


class NoMailsShown(NotFound):
    """Letters are shown in a demo without a mail server only."""

    code = "no_mails_shown"


@dataclass(frozen=True, slots=True)
class SignUp:
    """Ask to become a customer; a letter goes to the address."""

    email: str
    name: str
    password: Secret[str]
    address: str = ""


@dataclass(frozen=True, slots=True)
class AskNewPassword:
    """Ask for a letter because one's password is forgotten."""

    email: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class SetNewPassword:
    """Show the code from that letter, and the password to have."""

    token: Secret[str]
    password: Secret[str]


@dataclass(frozen=True, slots=True)
class ConfirmAddress:
    """Show the code from the letter, and the password once more: whoever reads the letter need not
    be who signed up, and must not end up with an account whose password another knows.

    Who signs in here already gives the password they have.
    """

    token: Secret[str]
    password: Secret[str]


@dataclass(frozen=True, slots=True)
class LoginTurn:
    """Where a login is: done, or one factor short."""

    new: NewSession | None
    half: Secret[str] = Secret("")  # noqa: RUF009 - it cannot change
    """Shown again together with the second factor."""
    methods: tuple[str, ...] = ()
    """What would do: `code`, `recovery`, `passkey`."""
    expires_in: int = 0


@dataclass(frozen=True, slots=True)
class FinishLogin:
    """Show the second factor of a login: a code, or what a passkey answered."""

    half: Secret[str]
    proof: Secret[str]
    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What a browser hands to an authenticator, as JSON (WebAuthn, 5.4 and 5.5)."""

    options: str


@dataclass(frozen=True, slots=True)
class PasskeyLogIn:
    """Show a passkey: what the browser answered, as JSON."""

    answer: Secret[str]
    tenant: str = ""
    mode: Mode = Mode.TEST
    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class RegisterPasskey:
    """Add a passkey to one's own: what the browser answered, as JSON."""

    by: Actor
    name: str
    answer: str


@dataclass(frozen=True, slots=True)
class RemovePasskey:
    """Forget one of one's own passkeys."""

    by: Actor
    passkey: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner sees it."""

    id: str
    name: str
    synced: bool
    """It lies in an account that several devices share."""
    created_at: datetime
    last_used_at: datetime | None
    cloned_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey just registered; with the first factor of all come recovery codes."""

    passkey: Passkey
    recovery: tuple[Secret[str], ...]


@dataclass(frozen=True, slots=True)
class NewCodes:
    """What an app needs to make codes; told this once."""

    secret: Secret[str]
    address: Secret[str]
    """The same as `otpauth://`, for a QR code."""


@dataclass(frozen=True, slots=True)
class ConfirmCodes:
    """Type the first code that the app shows."""

    by: Actor
    code: Secret[str]


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Ten codes, each good once; told this once. Empty when those of before still count."""

    codes: tuple[Secret[str], ...]


@dataclass(frozen=True, slots=True)
class StepUp:
    """Prove again who one is, in a session that has begun: by one of the three."""

    token: Secret[str]
    password: Secret[str] = Secret("")  # noqa: RUF009
    code: Secret[str] = Secret("")  # noqa: RUF009
    answer: Secret[str] = Secret("")  # noqa: RUF009


@dataclass(frozen=True, slots=True)
class Security:
    """What somebody has to prove who they are."""

    email: str
    name: str
    passkeys: tuple[Passkey, ...]
    codes: bool
    recovery_left: int


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody allowed a program of others."""

    client: str
    name: str
    realm: str
    """Whose program it is."""
    scopes: tuple[str, ...]
    given_at: datetime


@dataclass(frozen=True, slots=True)
class EndConsent:
    """Take back what one allowed a program."""

    by: Actor
    client: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter as a demo shows it."""

    kind: str
    to: str
    subject: str
    text: str
    written_at: datetime


class People(Protocol):
    """Lets people in, and lets them look after how."""

    async def sign_up(self, command: SignUp) -> None:
        """Send a letter to an address; whose it is, and whether it is known here, is not told."""
        ...

    async def confirm_address(self, command: ConfirmAddress) -> Member:
        """Become a customer."""
        ...

    async def begin_login(self, command: LogIn) -> LoginTurn:
        """Show a name and a password, and learn whether that is enough."""
        ...

    async def finish_login(self, command: FinishLogin) -> NewSession:
        """Show the second factor."""
        ...

    async def ask_passkey(self) -> Ceremony:
        """Ask for a passkey, whosever it is."""
        ...

    async def log_in_by_passkey(self, command: PasskeyLogIn) -> NewSession:
        """Start a session without a password."""
        ...

    async def security(self, by: Actor) -> Security:
        """Return what one has to prove who one is."""
        ...

    async def begin_passkey(self, by: Actor) -> Ceremony:
        """Ask for a new passkey."""
        ...

    async def register_passkey(self, command: RegisterPasskey) -> NewPasskey:
        """Add a passkey to one's own."""
        ...

    async def remove_passkey(self, command: RemovePasskey) -> None:
        """Forget one of one's own passkeys."""
        ...

    async def begin_codes(self, by: Actor) -> NewCodes:
        """Make what an app needs to show codes; it counts once a first code was typed."""
        ...

    async def confirm_codes(self, command: ConfirmCodes) -> RecoveryCodes:
        """Ask for codes from now on."""
        ...

    async def remove_codes(self, by: Actor) -> None:
        """Ask for codes no longer."""
        ...

    async def renew_recovery(self, by: Actor) -> RecoveryCodes:
        """Replace the recovery codes."""
        ...

    async def consents(self, by: Actor) -> tuple[Consent, ...]:
        """Return what one allowed, the newest first."""
        ...

    async def end_consent(self, command: EndConsent) -> None:
        """Take back what one allowed a program; it has to ask again."""
        ...

    async def step_up(self, command: StepUp) -> Session:
        """Prove again who one is; what was withheld comes back."""
        ...

    async def end_sessions(self, by: Actor) -> int:
        """Sign out everywhere, here too; return how many sessions ended."""
        ...

    async def tokens_of(self, session: Secret[str]) -> Tokens:
        """Give a person's own program tokens for the session that has just begun."""
        ...

    async def mails(self) -> tuple[Mail, ...]:
        """Return the newest letters of a demo that sends none."""
        ...

    async def ask_new_password(self, command: AskNewPassword) -> None:
        """Send a letter to an address if it is known here; whether it is, is told to nobody."""
        ...

    async def set_new_password(self, command: SetNewPassword) -> None:
        """Set a password anew by the code from the letter; every session ends."""
        ...

"""Requests and answers about people as JSON."""

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue, SecretStr

from bezant.actor import Mode
from bezant.identity.messages import Answer, Email, Name, Password, Request
from bezant.identity.person import CODE_CHARACTERS_MAX, PASSKEY_NAME_CHARACTERS_MAX
from bezant.secret import Secret

Code = Annotated[SecretStr, Field(min_length=1, max_length=CODE_CHARACTERS_MAX)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=100)]
Credential = Annotated[dict[str, JsonValue], Field(max_length=20)]
"""A `PublicKeyCredential` as `toJSON()` writes it."""


class SignUpBody(Request):
    """Who wants to be a customer."""

    email: Email
    name: Name
    password: Password


class ConfirmBody(Request):
    """The code from the letter, and the password once more."""

    token: Token
    password: Password


class ForgottenBody(Request):
    """Whose password is forgotten."""

    email: Email


class NewPasswordBody(Request):
    """The code from the letter, and the password to have."""

    token: Token
    password: Password


class PasskeyLogInBody(Request):
    """What a browser answered to the question for a passkey."""

    credential: Credential
    tenant: Annotated[str, Field(max_length=64)] = ""
    mode: Mode = Mode.TEST
    deliver: Literal["cookie", "token"] = "cookie"


class StepUpBody(Request):
    """One of the three. Whoever has a second factor gives that, not the password."""

    password: Password | None = None
    code: Code | None = None
    credential: Credential | None = None


class PasskeyBody(Request):
    """A new passkey and what to call it."""

    name: Annotated[str, Field(max_length=PASSKEY_NAME_CHARACTERS_MAX)] = ""
    credential: Credential


class CodeBody(Request):
    """A code that an app shows."""

    code: Code


class Accepted(Answer):
    """A letter was sent; whose address it is is told to nobody else."""

    status: Literal["confirmation_sent"] = "confirmation_sent"


class Asked(Answer):
    """If the address is known here, a letter was sent; whether it is, is told to nobody."""

    status: Literal["asked"] = "asked"


class CeremonyAnswer(Answer):
    """What `navigator.credentials` takes, once its base64url texts are turned into bytes."""

    public_key: dict[str, JsonValue] = Field(serialization_alias="publicKey")


class PasskeyAnswer(Answer):
    """A passkey as its owner sees it."""

    id: str
    name: str
    synced: bool
    created_at: datetime
    last_used_at: datetime | None
    cloned_at: datetime | None


class NewPasskeyAnswer(PasskeyAnswer):
    """A new passkey; with the first factor of all come recovery codes, told this once."""

    recovery_codes: list[str]


class SecurityAnswer(Answer):
    """What somebody has to prove who they are."""

    email: str
    name: str
    passkeys: list[PasskeyAnswer]
    codes: bool
    recovery_left: int


class NewCodesAnswer(Answer):
    """What an app needs to show codes, told this once."""

    secret: str
    address: str


class RecoveryAnswer(Answer):
    """Recovery codes, told this once; none when those of before still count."""

    recovery_codes: list[str]


class EndedAnswer(Answer):
    """How many sessions ended."""

    ended: int


class ConsentAnswer(Answer):
    """What somebody allowed a program of others."""

    client: str
    name: str
    realm: str
    scopes: tuple[str, ...]
    given_at: datetime


class MailAnswer(Answer):
    """A letter that a demo shows instead of sending it."""

    kind: str
    to: str
    subject: str
    text: str
    written_at: datetime


def told(value: SecretStr | None) -> Secret[str]:
    """Return a secret of a request as the port takes it."""
    return Secret(value.get_secret_value() if value is not None else "")


def written(credential: Credential | None) -> Secret[str]:
    """Return what a browser answered, as the port takes it."""
    return Secret(json.dumps(credential) if credential is not None else "")


def revealed(codes: tuple[Secret[str], ...]) -> list[str]:
    """Return recovery codes for their owner."""
    return [one.reveal() for one in codes]

"""Identity's requests and answers as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from bezant.actor import Actor, Caller, Mode
from bezant.identity.port import (
    EMAIL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    Access,
    ApiKey,
    CustomRole,
    Grant,
    Invitation,
    KeyKind,
    Member,
    Merchant,
    MerchantState,
    Role,
    Session,
)

Email = Annotated[str, Field(min_length=3, max_length=EMAIL_CHARACTERS_MAX)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_CHARACTERS_MAX)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=100)]
Id = Annotated[str, Field(max_length=64)]
GRANTS_MAX = 100
Grants = Annotated[dict[str, Access], Field(max_length=GRANTS_MAX)]
OVERLAP_SECONDS_DEFAULT = 86_400


class Request(BaseModel):
    """A request: a misspelt field is a mistake, not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer, read from what the port told."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class LogInBody(Request):
    """An address and a password."""

    email: Email
    password: Password
    tenant: Annotated[str, Field(max_length=64)] = ""
    mode: Mode = Mode.TEST
    code: Annotated[SecretStr, Field(max_length=32)] = SecretStr("")
    """Of an app, or a recovery code: for those who have set them up."""
    deliver: Literal["cookie", "token"] = "cookie"


class SwitchBody(Request):
    """Where to go."""

    tenant: Annotated[str, Field(min_length=1, max_length=64)]
    mode: Mode


class PasswordBody(Request):
    """The password one has and the one to have."""

    old: Password
    new: Password


class MerchantBody(Request):
    """A new merchant."""

    name: Name


class MerchantChangeBody(Request):
    """What becomes of a merchant."""

    state: MerchantState


class InvitationBody(Request):
    """Whom to invite as what."""

    email: Email
    role: Role
    custom_role: Id = ""


class AcceptBody(Request):
    """The token of the link, and who one is. Members elsewhere give the password they have."""

    token: Token
    password: Password
    name: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)] = ""


class RoleBody(Request):
    """What a member becomes."""

    role: Role
    custom_role: Id = ""


class CustomRoleBody(Request):
    """A role of one's own: which of ours it narrows, and to what: `{"payments": "read"}`."""

    name: Name
    basis: Role
    grants: Grants

    def grants_wanted(self) -> tuple[Grant, ...]:
        """Return the grants as the port takes them."""
        return _grants(self.grants)


class CustomRoleChangeBody(Request):
    """What becomes of a custom role; what is left out stays."""

    name: Name | None = None
    grants: Annotated[dict[str, Access], Field(min_length=1, max_length=GRANTS_MAX)] | None = None

    def grants_wanted(self) -> tuple[Grant, ...]:
        """Return the grants as the port takes them, if there are any."""
        return _grants(self.grants or {})


class KeyBody(Request):
    """A new API key. `grants` belongs to restricted keys: `{"payments": "read"}`."""

    kind: KeyKind
    role: Role
    name: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)] = ""
    grants: Grants = Field(default_factory=dict[str, Access])
    expires_at: AwareDatetime | None = None
    custom_role: Id = ""

    def grants_wanted(self) -> tuple[Grant, ...]:
        """Return the grants as the port takes them."""
        return _grants(self.grants)


def _grants(named: Mapping[str, Access]) -> tuple[Grant, ...]:
    return tuple(Grant(resource, access) for resource, access in named.items())


class RevokeBody(Request):
    """Which keys to end at once: those that fit all that is said, or all of them, said aloud."""

    kind: KeyKind | None = None
    role: Role | None = None
    resource: Annotated[str, Field(max_length=100)] = ""
    """Keys that may do something with it: `payments`."""
    access: Access | None = None
    """What they may do there, `read` or `write`; left out, either."""
    all: bool = False

    @property
    def names_some(self) -> bool:
        """Tell whether it is said which keys."""
        return self.kind is not None or self.role is not None or bool(self.resource)


class RotateBody(Request):
    """How long the old key still works."""

    overlap_seconds: int = OVERLAP_SECONDS_DEFAULT


class MerchantAnswer(Answer):
    """A merchant."""

    id: str
    name: str
    state: MerchantState
    demo: bool
    created_at: datetime


class MemberAnswer(Answer):
    """A member of a tenant."""

    id: str
    tenant: str
    email: str
    name: str
    role: Role
    custom_role: str
    joined_at: datetime
    last_login_at: datetime | None


class InvitationAnswer(Answer):
    """An invitation."""

    id: str
    tenant: str
    email: str
    role: Role
    custom_role: str
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    cancelled_at: datetime | None


class NewInvitationAnswer(InvitationAnswer):
    """A new invitation with the token of its link, told this once."""

    token: str


class SessionAnswer(Answer):
    """A session on some device."""

    id: str
    member: str
    tenant: str
    mode: Mode
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
    methods: list[str]
    proved_at: datetime | None


class NewSessionAnswer(SessionAnswer):
    """A new session; with its token if that was asked for instead of a cookie."""

    token: str | None


class WhoAnswer(Answer):
    """Who is asking, and what they may do here."""

    caller: Caller
    subject: str
    tenant: str
    mode: Mode
    role: str
    permissions: list[str]
    withheld: list[str]
    """What comes back after `POST /v1/session/step-up`."""


class KeyAnswer(Answer):
    """An API key without its secret."""

    id: str
    tenant: str
    mode: Mode
    kind: KeyKind
    role: Role
    custom_role: str
    name: str
    shown: str
    grants: dict[str, Access]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    maker_left: bool


class NewKeyAnswer(KeyAnswer):
    """A new API key with its secret, told this once."""

    secret: str


class RevokedAnswer(Answer):
    """How many keys were ended."""

    revoked: int


class CustomRoleAnswer(Answer):
    """A custom role."""

    id: str
    tenant: str
    name: str
    basis: Role
    grants: dict[str, Access]
    created_at: datetime
    created_by: str


def merchant(told: Merchant) -> MerchantAnswer:
    """Answer a merchant."""
    return MerchantAnswer.model_validate(told)


def member(told: Member) -> MemberAnswer:
    """Answer a member."""
    return MemberAnswer.model_validate(told)


def invitation(told: Invitation) -> InvitationAnswer:
    """Answer an invitation."""
    return InvitationAnswer.model_validate(told)


def new_invitation(told: Invitation, token: str) -> NewInvitationAnswer:
    """Answer a new invitation."""
    return NewInvitationAnswer(**invitation(told).model_dump(), token=token)


def session(told: Session) -> SessionAnswer:
    """Answer a session."""
    return SessionAnswer.model_validate(told)


def new_session(told: Session, token: str | None) -> NewSessionAnswer:
    """Answer a new session."""
    return NewSessionAnswer(**session(told).model_dump(), token=token)


def who(asker: Actor) -> WhoAnswer:
    """Answer who is asking."""
    return WhoAnswer(
        caller=asker.caller,
        subject=asker.subject,
        tenant=asker.tenant,
        mode=asker.mode,
        role=asker.role,
        permissions=sorted(asker.permissions),
        withheld=sorted(asker.withheld),
    )


def key(told: ApiKey) -> KeyAnswer:
    """Answer a key."""
    grants = {grant.resource: grant.access for grant in told.grants}
    fields = {name: getattr(told, name) for name in KeyAnswer.model_fields if name != "grants"}
    return KeyAnswer(**fields, grants=grants)


def custom_role(told: CustomRole) -> CustomRoleAnswer:
    """Answer a custom role."""
    grants = {grant.resource: grant.access for grant in told.grants}
    fields = {
        name: getattr(told, name) for name in CustomRoleAnswer.model_fields if name != "grants"
    }
    return CustomRoleAnswer(**fields, grants=grants)


def new_key(told: ApiKey, secret: str) -> NewKeyAnswer:
    """Answer a new key."""
    return NewKeyAnswer(**key(told).model_dump(), secret=secret)

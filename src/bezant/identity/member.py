"""Members: people, the tenants they belong to, and how they get in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bezant.actor import Actor
from bezant.secret import Secret


class Role(StrEnum):
    """What somebody is at a merchant or at the platform."""

    ADMIN = "admin"
    FINANCE = "finance"
    DEVELOPER = "developer"
    SUPPORT = "support"
    AUDITOR = "auditor"
    CUSTOMER = "customer"
    """Somebody who pays there: no member of the staff."""


@dataclass(frozen=True, slots=True)
class InviteMember:
    """Invite a person by a one-time link."""

    id: str
    by: Actor
    tenant: str
    email: str
    role: Role
    custom_role: str = ""
    """What narrows the role, if anything does."""


@dataclass(frozen=True, slots=True)
class CancelInvitation:
    """Make an open invitation worthless."""

    by: Actor
    tenant: str
    invitation: str


@dataclass(frozen=True, slots=True)
class AcceptInvitation:
    """Become a member. Who is one elsewhere already gives the password they have."""

    token: Secret[str]
    name: str
    password: Secret[str]


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation; its token was shown once."""

    id: str
    tenant: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    cancelled_at: datetime | None
    custom_role: str = ""


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation and its token, which is told this once."""

    invitation: Invitation
    token: Secret[str]


@dataclass(frozen=True, slots=True)
class OfTenant:
    """Ask for what a tenant has, newest first: members, invitations or keys."""

    by: Actor
    tenant: str
    limit: int = 20
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeMember:
    """Give a member another role."""

    by: Actor
    tenant: str
    member: str
    role: Role
    custom_role: str = ""


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """End a membership and the sessions in it."""

    by: Actor
    tenant: str
    member: str


@dataclass(frozen=True, slots=True)
class Member:
    """A person as one tenant sees them."""

    id: str
    tenant: str
    email: str
    name: str
    role: Role
    joined_at: datetime
    last_login_at: datetime | None
    custom_role: str = ""


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A page of members."""

    members: tuple[Member, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class InvitationPage:
    """A page of invitations."""

    invitations: tuple[Invitation, ...]
    has_more: bool

"""Custom roles: a merchant's own word for a part of what one of our roles may do.

A custom role narrows one of the built-in roles, its *basis*, to named resources, as a restricted
key does. So it can never do what its basis cannot, and whoever has it is still, say, of finance.
Changing it changes all who have it at once, members and keys.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bezant.actor import Actor
from bezant.errors import Conflict, Invalid, NotFound, Refused
from bezant.identity.api_key import Grant
from bezant.identity.member import OfTenant, Role

ROLES_MAX: Final = 50  # Of a tenant; more than that nobody oversees.


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Make a custom role."""

    id: str
    by: Actor
    tenant: str
    name: str
    basis: Role
    grants: tuple[Grant, ...]
    """What is not named is not allowed."""


@dataclass(frozen=True, slots=True)
class ChangeRole:
    """Give a custom role another name, or other rights; what is left out stays."""

    by: Actor
    tenant: str
    role: str
    name: str | None = None
    grants: tuple[Grant, ...] = ()
    """None for the ones it has: a role that may nothing is no role."""


@dataclass(frozen=True, slots=True)
class EndRole:
    """End a custom role that nobody has any more."""

    by: Actor
    tenant: str
    role: str


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A custom role."""

    id: str
    tenant: str
    name: str
    basis: Role
    grants: tuple[Grant, ...]
    created_at: datetime
    created_by: str


class UnknownRole(NotFound):
    """There is no such role."""

    code = "unknown_role"


class MalformedRole(Invalid):
    """A custom role's basis and grants do not fit together."""

    code = "malformed_role"


class RoleNameTaken(Conflict):
    """Another custom role has this name already."""

    code = "role_name_taken"


class RoleInUse(Refused):
    """Give those who have this role another one first."""

    code = "role_in_use"


class TooManyRoles(Refused):
    """End roles that nobody has before making more."""

    code = "too_many_roles"


class CustomRoles(Protocol):
    """The roles a tenant makes for itself."""

    async def create_role(self, command: CreateRole) -> CustomRole:
        """Make a custom role."""
        ...

    async def change_role(self, command: ChangeRole) -> CustomRole:
        """Change a custom role, and with it what all may do who have it."""
        ...

    async def end_role(self, command: EndRole) -> CustomRole:
        """End a custom role that nobody has."""
        ...

    async def role(self, by: Actor, tenant: str, role: str) -> CustomRole:
        """Return one custom role."""
        ...

    async def roles(self, query: OfTenant) -> tuple[CustomRole, ...]:
        """Return a tenant's custom roles by name."""
        ...

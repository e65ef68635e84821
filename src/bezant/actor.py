"""Who is asking, for whom, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

PLATFORM = "platform"
"""The tenant that is the platform itself; every other tenant is a merchant's id (`mer_…`)."""


class Mode(StrEnum):
    """Test and live are two worlds that never meet."""

    TEST = "test"
    LIVE = "live"


class Caller(StrEnum):
    """What kind of credential stood behind a request."""

    CLIENT = "client"
    """A program that acts for its merchant, with a token of its own."""
    KEY = "key"
    MEMBER = "member"
    MODULE = "module"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """One caller, already identified: for which tenant, in which mode, with which permissions."""

    caller: Caller
    subject: str
    """The id of the key or member, or the module's name. Never the credential itself."""
    tenant: str
    mode: Mode
    permissions: frozenset[str]
    """Names from the permission table, such as `ledger.write`."""
    role: str = ""
    withheld: frozenset[str] = frozenset()
    """What comes back once the person proves again who they are: money and keys."""

    @property
    def pays(self) -> bool:
        """Tell whether a payer asks: by a page's publishable key, or as a customer signed in."""
        return self.role in ("", "customer")

    def may(self, permission: str) -> bool:
        """Tell whether this caller holds a permission."""
        return permission in self.permissions

"""Identity's door: merchants, members with roles, sessions, and API keys.

A *tenant* is the platform or one merchant. A *member* is a person who logs in and has a role in
one or more tenants. An *API key* belongs to a merchant, in test or in live mode, and carries a
role too: one permission table serves people and keys. Commands say `by` whom they are asked;
nobody reaches another tenant, nobody grants what they lack.
"""

from typing import Protocol

from bezant.actor import Actor
from bezant.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Unauthenticated,
)
from bezant.events import Feed
from bezant.identity.api_key import (
    Access,
    ApiKey,
    ApiKeyPage,
    ApiKeyUse,
    CreateApiKey,
    CredentialForm,
    Grant,
    Identified,
    Identify,
    KeyEnded,
    KeyKind,
    MalformedApiKey,
    NewApiKey,
    RevokeApiKey,
    RevokeApiKeys,
    RotateApiKey,
    TooManyKeys,
    UnknownApiKey,
    UnknownCredential,
)
from bezant.identity.client import RegisteredClients
from bezant.identity.custom_role import (
    ChangeRole,
    CreateRole,
    CustomRole,
    CustomRoles,
    EndRole,
)
from bezant.identity.member import (
    AcceptInvitation,
    CancelInvitation,
    ChangeMember,
    Invitation,
    InvitationPage,
    InviteMember,
    Member,
    MemberPage,
    NewInvitation,
    OfTenant,
    RemoveMember,
    Role,
)
from bezant.identity.merchant import (
    ChangeMerchant,
    CreateMerchant,
    Merchant,
    MerchantPage,
    MerchantsOf,
    MerchantState,
)
from bezant.identity.openid import (
    ROOT_REALM,
    Client,
    ClientMethod,
    ImportRealm,
    NewClient,
    OpenIdProvider,
    Realm,
    Rechecks,
    ShownProof,
)
from bezant.identity.person import People
from bezant.identity.session import (
    ChangePassword,
    EndSession,
    LogIn,
    LoginBusy,
    MemberInactive,
    NewSession,
    PasswordUsedBefore,
    Session,
    SwitchSession,
    TooManyTries,
    UnknownSession,
    WeakPassword,
    WrongLogin,
)
from bezant.identity.signer import Signers
from bezant.secret import Secret

__all__ = [
    "EMAIL_CHARACTERS_MAX",
    "KEYS_MAX",
    "NAME_CHARACTERS_MAX",
    "PAGE_MAX",
    "PASSWORD_CHARACTERS_MAX",
    "PASSWORD_CHARACTERS_MIN",
    "ROOT_REALM",
    "USES_MAX",
    "AcceptInvitation",
    "Access",
    "AlreadyExists",
    "AlreadyShown",
    "ApiKey",
    "ApiKeyPage",
    "ApiKeyUse",
    "CancelInvitation",
    "ChangeMember",
    "ChangeMerchant",
    "ChangePassword",
    "ChangeRole",
    "Client",
    "ClientMethod",
    "CreateApiKey",
    "CreateMerchant",
    "CreateRole",
    "CredentialForm",
    "CustomRole",
    "EndRole",
    "EndSession",
    "Grant",
    "GrantsTooMuch",
    "Identified",
    "Identify",
    "Identity",
    "IdentityFeed",
    "ImportRealm",
    "Invitation",
    "InvitationInvalid",
    "InvitationPage",
    "InviteMember",
    "KeyEnded",
    "KeyKind",
    "LastAdmin",
    "LogIn",
    "LoginBusy",
    "MalformedApiKey",
    "MalformedEmail",
    "MalformedName",
    "Member",
    "MemberInactive",
    "MemberPage",
    "Merchant",
    "MerchantPage",
    "MerchantState",
    "MerchantsOf",
    "NewApiKey",
    "NewClient",
    "NewInvitation",
    "NewSession",
    "NoMembership",
    "NotAllowed",
    "OfTenant",
    "OpenIdProvider",
    "PasswordUsedBefore",
    "People",
    "Realm",
    "Rechecks",
    "RemoveMember",
    "RevokeApiKey",
    "RevokeApiKeys",
    "Role",
    "RotateApiKey",
    "Session",
    "ShownProof",
    "SwitchSession",
    "TooManyKeys",
    "TooManyTries",
    "UnknownApiKey",
    "UnknownCredential",
    "UnknownInvitation",
    "UnknownMember",
    "UnknownMerchant",
    "UnknownSession",
    "WeakPassword",
    "WrongLogin",
]

PAGE_MAX = 100
NAME_CHARACTERS_MAX = 200
EMAIL_CHARACTERS_MAX = 254  # RFC 5321: the longest address that fits a forward path.
PASSWORD_CHARACTERS_MIN = 12  # PCI DSS 8.3.6.
PASSWORD_CHARACTERS_MAX = 256
KEYS_MAX = 200  # Unrevoked keys of a merchant in one mode; more than that nobody oversees.
USES_MAX = 10_000


class UnknownMerchant(NotFound):
    """There is no such merchant."""

    code = "unknown_merchant"


class UnknownMember(NotFound):
    """There is no such member."""

    code = "unknown_member"


class UnknownInvitation(NotFound):
    """There is no such invitation."""

    code = "unknown_invitation"


class InvitationInvalid(Unauthenticated):
    """This invitation is not valid: it was used, cancelled, has expired, or never was."""

    code = "invitation_invalid"


class NoMembership(Forbidden):
    """You are not a member there."""

    code = "no_membership"


class NotAllowed(Forbidden):
    """You may not do this."""

    code = "not_allowed"


class GrantsTooMuch(Forbidden):
    """Nobody can give more rights than they have."""

    code = "grants_too_much"


class LastAdmin(Refused):
    """A tenant keeps at least one administrator."""

    code = "last_admin"


class AlreadyShown(Conflict):
    """This was made before, and its secret is shown only once."""

    code = "already_shown"


class AlreadyExists(Conflict):
    """This id was used before for something else."""

    code = "already_exists"


class MalformedEmail(Invalid):
    """This is not an e-mail address."""

    code = "malformed_email"


class MalformedName(Invalid):
    """A name has one to 200 characters and no control characters."""

    code = "malformed_name"


class Identity(CustomRoles, Signers, RegisteredClients, Protocol):
    """Who may do what, and who is asking."""

    async def create_merchant(self, command: CreateMerchant) -> Merchant:
        """Add a merchant once."""
        ...

    async def change_merchant(self, command: ChangeMerchant) -> Merchant:
        """Suspend a merchant or let it work again."""
        ...

    async def merchant(self, by: Actor, merchant: str) -> Merchant:
        """Return one merchant."""
        ...

    async def merchants(self, query: MerchantsOf) -> MerchantPage:
        """Return a page of the merchants one may see."""
        ...

    async def invite(self, command: InviteMember) -> NewInvitation:
        """Make a one-time link for a person."""
        ...

    async def invitations(self, query: OfTenant) -> InvitationPage:
        """Return a page of invitations."""
        ...

    async def cancel_invitation(self, command: CancelInvitation) -> Invitation:
        """Make an open invitation worthless."""
        ...

    async def accept_invitation(self, command: AcceptInvitation) -> Member:
        """Turn an invitation into a membership, once."""
        ...

    async def members(self, query: OfTenant) -> MemberPage:
        """Return a page of members."""
        ...

    async def change_member(self, command: ChangeMember) -> Member:
        """Give a member another role."""
        ...

    async def remove_member(self, command: RemoveMember) -> Member:
        """End a membership and the sessions in it."""
        ...

    async def log_in(self, command: LogIn) -> NewSession:
        """Start a session."""
        ...

    async def log_out(self, token: Secret[str]) -> None:
        """End the session of this token, if there is one."""
        ...

    async def switch_session(self, command: SwitchSession) -> Session:
        """Move a session to another tenant or mode."""
        ...

    async def sessions(self, by: Actor) -> tuple[Session, ...]:
        """Return one's own living sessions, newest first."""
        ...

    async def end_session(self, command: EndSession) -> Session:
        """End one of one's own sessions."""
        ...

    async def change_password(self, command: ChangePassword) -> None:
        """Replace one's own password and end every session."""
        ...

    async def create_key(self, command: CreateApiKey) -> NewApiKey:
        """Make a key; its secret is told this once."""
        ...

    async def rotate_key(self, command: RotateApiKey) -> NewApiKey:
        """Make a key's successor and let both work for a while."""
        ...

    async def revoke_key(self, command: RevokeApiKey) -> ApiKey:
        """End a key now; ending it again changes nothing."""
        ...

    async def revoke_keys(self, command: RevokeApiKeys) -> int:
        """End every key that fits and return how many were ended."""
        ...

    async def key(self, by: Actor, tenant: str, key: str) -> ApiKey:
        """Return one key."""
        ...

    async def keys(self, query: OfTenant) -> ApiKeyPage:
        """Return a page of keys of one's mode, newest first."""
        ...

    async def identify(self, query: Identify) -> Identified:
        """Return whose a credential is, or raise `UnknownCredential`."""
        ...

    async def generation(self) -> int:
        """Return the number of the last time rights were taken from keys."""
        ...

    async def rechecks(self, after: int) -> Rechecks:
        """Return whose tokens to ask about again since a number; of all if that is long ago."""
        ...

    async def check_proof(self, shown: ShownProof) -> None:
        """Return if whoever shows a bound token holds its key, else raise `InvalidProof`."""
        ...

    async def note_uses(self, uses: tuple[ApiKeyUse, ...]) -> None:
        """Write down when keys and signers were used last, many at once."""
        ...


class IdentityFeed(Feed, Protocol):
    """`session.*`, `passkey.*`, `codes.*`, `recovery.*`, `password.*`, `consent.*`, `member.*`,
    `invitation.*`, `merchant.*`, `api_key.*`, `client.*`, `signer.*`: who may do what, how they get
    in, and who came in; told by ids, without anybody's name or address.
    """

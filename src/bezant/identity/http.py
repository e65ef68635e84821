"""Identity over HTTP: logging in, members and their invitations, merchants, API keys.

A browser gets its session as a cookie that no script can read; a program that asks for it gets
the token in the answer instead.
"""

from typing import Annotated

from fastapi import Depends, Query, Response

from bezant.errors import Invalid
from bezant.http.caller import SESSION_COOKIE, CredentialInvalid, credential_of
from bezant.http.pages import Page, PageQuery, PageRequest
from bezant.http.routes import PUBLIC, Asker, Routes, ThisVisit
from bezant.identity import messages as models
from bezant.identity.port import (
    AcceptInvitation,
    CancelInvitation,
    ChangeMember,
    ChangeMerchant,
    ChangePassword,
    ChangeRole,
    CreateApiKey,
    CreateMerchant,
    CreateRole,
    EndRole,
    EndSession,
    Identity,
    InviteMember,
    LogIn,
    MerchantsOf,
    OfTenant,
    RemoveMember,
    RevokeApiKey,
    RevokeApiKeys,
    RotateApiKey,
    SwitchSession,
)
from bezant.ids import Ids
from bezant.secret import Secret

COOKIE_SECONDS = 12 * 3_600  # As long as a session can live; the server may end it earlier.
STRANGERS_BYTES_MAX = 8_192  # What anybody may make us read: an address and a password fit twice.


async def tenant_asked(
    asker: Asker, tenant: Annotated[str | None, Query(max_length=64)] = None
) -> str:
    """Return the tenant a request is about: the caller's own unless the platform names another."""
    return tenant or asker.tenant


Tenant = Annotated[str, Depends(tenant_asked)]


def routes(identity: Identity, ids: Ids) -> Routes:
    """Return every route of identity."""
    made = Routes("identity", guarded=True)
    _add_session(made, identity)
    _add_own(made, identity)
    _add_merchants(made, identity, ids)
    _add_invitations(made, identity, ids)
    _add_members(made, identity)
    _add_roles(made, identity, ids)
    _add_keys(made, identity, ids)
    return made


def _add_session(made: Routes, identity: Identity) -> None:
    @made.post(
        "/v1/session", permission=PUBLIC, summary="Log in", body_bytes_max=STRANGERS_BYTES_MAX
    )
    async def log_in(
        body: models.LogInBody, visit: ThisVisit, response: Response
    ) -> models.NewSessionAnswer:
        agent = visit.headers.get(b"user-agent", b"").decode("latin-1")
        command = LogIn(
            body.email,
            Secret(body.password.get_secret_value()),
            body.tenant,
            body.mode,
            visit.address,
            agent,
            Secret(body.code.get_secret_value()),
        )
        new = await identity.log_in(command)
        if body.deliver == "token":
            return models.new_session(new.session, new.token.reveal())
        set_session_cookie(response, new.token.reveal(), COOKIE_SECONDS)
        return models.new_session(new.session, None)

    @made.get("/v1/session", permission="session.read", summary="Who am I")
    async def who_am_i(asker: Asker) -> models.WhoAnswer:
        return models.who(asker)

    @made.patch("/v1/session", permission="session.write", summary="Enter a tenant or mode")
    async def switch(body: models.SwitchBody, visit: ThisVisit) -> models.SessionAnswer:
        command = SwitchSession(session_token(visit), body.tenant, body.mode)
        return models.session(await identity.switch_session(command))

    @made.delete("/v1/session", permission="session.write", summary="Log out", status_code=204)
    async def log_out(visit: ThisVisit, response: Response) -> None:
        await identity.log_out(session_token(visit))
        set_session_cookie(response, "", 0)

    del log_in, who_am_i, switch, log_out


def _add_own(made: Routes, identity: Identity) -> None:
    @made.get("/v1/sessions", permission="session.read", summary="My devices")
    async def sessions(asker: Asker) -> Page[models.SessionAnswer]:
        found = await identity.sessions(asker)
        return Page(data=[models.session(one) for one in found], has_more=False)

    @made.delete("/v1/sessions/{session}", permission="session.write", summary="End a session")
    async def end_session(session: str, asker: Asker) -> models.SessionAnswer:
        return models.session(await identity.end_session(EndSession(asker, session)))

    @made.put("/v1/password", permission="session.write", status_code=204)
    async def change_password(body: models.PasswordBody, asker: Asker, response: Response) -> None:
        """Replace one's own password; every session ends, this one too."""
        old, new = (Secret(one.get_secret_value()) for one in (body.old, body.new))
        await identity.change_password(ChangePassword(asker, old, new))
        set_session_cookie(response, "", 0)

    del sessions, end_session, change_password


def _add_merchants(made: Routes, identity: Identity, ids: Ids) -> None:
    @made.post("/v1/merchants", permission="merchants.write", summary="Add a merchant")
    async def create_merchant(body: models.MerchantBody, asker: Asker) -> models.MerchantAnswer:
        command = CreateMerchant(ids.new("mer"), asker, body.name)
        return models.merchant(await identity.create_merchant(command))

    @made.get("/v1/merchants", permission="merchants.read", summary="List merchants")
    async def merchants(asker: Asker, page: PageQuery) -> Page[models.MerchantAnswer]:
        found = await identity.merchants(MerchantsOf(asker, page.limit, read_forward(page)))
        data = [models.merchant(one) for one in found.merchants]
        return Page(data=data, has_more=found.has_more)

    @made.get("/v1/merchants/{merchant}", permission="merchants.read", summary="One merchant")
    async def merchant(merchant: str, asker: Asker) -> models.MerchantAnswer:
        return models.merchant(await identity.merchant(asker, merchant))

    @made.patch("/v1/merchants/{merchant}", permission="merchants.write", summary="Suspend it")
    async def change_merchant(
        merchant: str, body: models.MerchantChangeBody, asker: Asker
    ) -> models.MerchantAnswer:
        command = ChangeMerchant(asker, merchant, body.state)
        return models.merchant(await identity.change_merchant(command))

    del create_merchant, merchants, merchant, change_merchant


def _add_invitations(made: Routes, identity: Identity, ids: Ids) -> None:
    @made.post("/v1/invitations", permission="members.write", summary="Invite somebody")
    async def invite(
        body: models.InvitationBody, asker: Asker, tenant: Tenant
    ) -> models.NewInvitationAnswer:
        command = InviteMember(
            ids.new("inv"), asker, tenant, body.email, body.role, body.custom_role
        )
        new = await identity.invite(command)
        return models.new_invitation(new.invitation, new.token.reveal())

    @made.get("/v1/invitations", permission="members.read", summary="List invitations")
    async def invitations(
        asker: Asker, tenant: Tenant, page: PageQuery
    ) -> Page[models.InvitationAnswer]:
        found = await identity.invitations(OfTenant(asker, tenant, page.limit, read_forward(page)))
        data = [models.invitation(one) for one in found.invitations]
        return Page(data=data, has_more=found.has_more)

    @made.delete("/v1/invitations/{invitation}", permission="members.write", summary="Cancel it")
    async def cancel(invitation: str, asker: Asker, tenant: Tenant) -> models.InvitationAnswer:
        command = CancelInvitation(asker, tenant, invitation)
        return models.invitation(await identity.cancel_invitation(command))

    @made.post(
        "/v1/invitations/accept",
        permission=PUBLIC,
        summary="Become a member",
        body_bytes_max=STRANGERS_BYTES_MAX,
    )
    async def accept(body: models.AcceptBody) -> models.MemberAnswer:
        token, password = (Secret(one.get_secret_value()) for one in (body.token, body.password))
        member = await identity.accept_invitation(AcceptInvitation(token, body.name, password))
        return models.member(member)

    del invite, invitations, cancel, accept


def _add_members(made: Routes, identity: Identity) -> None:
    @made.get("/v1/members", permission="members.read", summary="List members")
    async def members(asker: Asker, tenant: Tenant, page: PageQuery) -> Page[models.MemberAnswer]:
        found = await identity.members(OfTenant(asker, tenant, page.limit, read_forward(page)))
        data = [models.member(one) for one in found.members]
        return Page(data=data, has_more=found.has_more)

    @made.patch("/v1/members/{member}", permission="members.write", summary="Change the role")
    async def change_member(
        member: str, body: models.RoleBody, asker: Asker, tenant: Tenant
    ) -> models.MemberAnswer:
        command = ChangeMember(asker, tenant, member, body.role, body.custom_role)
        return models.member(await identity.change_member(command))

    @made.delete("/v1/members/{member}", permission="members.write", summary="Remove a member")
    async def remove_member(member: str, asker: Asker, tenant: Tenant) -> models.MemberAnswer:
        return models.member(await identity.remove_member(RemoveMember(asker, tenant, member)))

    del members, change_member, remove_member


def _add_roles(made: Routes, identity: Identity, ids: Ids) -> None:
    @made.post("/v1/roles", permission="members.write", summary="Make a role of one's own")
    async def create_role(
        body: models.CustomRoleBody, asker: Asker, tenant: Tenant
    ) -> models.CustomRoleAnswer:
        command = CreateRole(
            ids.new("rol"), asker, tenant, body.name, body.basis, body.grants_wanted()
        )
        return models.custom_role(await identity.create_role(command))

    @made.get("/v1/roles", permission="members.read", summary="List custom roles")
    async def roles(asker: Asker, tenant: Tenant) -> Page[models.CustomRoleAnswer]:
        found = await identity.roles(OfTenant(asker, tenant))
        return Page(data=[models.custom_role(one) for one in found], has_more=False)

    @made.get("/v1/roles/{role}", permission="members.read", summary="One custom role")
    async def one_role(role: str, asker: Asker, tenant: Tenant) -> models.CustomRoleAnswer:
        return models.custom_role(await identity.role(asker, tenant, role))

    @made.patch("/v1/roles/{role}", permission="members.write", summary="Change what it may")
    async def change_role(
        role: str, body: models.CustomRoleChangeBody, asker: Asker, tenant: Tenant
    ) -> models.CustomRoleAnswer:
        command = ChangeRole(asker, tenant, role, body.name, body.grants_wanted())
        return models.custom_role(await identity.change_role(command))

    @made.delete("/v1/roles/{role}", permission="members.write", summary="End a role nobody has")
    async def end_role(role: str, asker: Asker, tenant: Tenant) -> models.CustomRoleAnswer:
        return models.custom_role(await identity.end_role(EndRole(asker, tenant, role)))

    del create_role, roles, one_role, change_role, end_role


def _add_keys(made: Routes, identity: Identity, ids: Ids) -> None:
    @made.post("/v1/keys", permission="api_keys.write", summary="Make an API key")
    async def create_key(body: models.KeyBody, asker: Asker, tenant: Tenant) -> models.NewKeyAnswer:
        command = CreateApiKey(
            ids.new("key"),
            asker,
            tenant,
            body.kind,
            body.role,
            body.name,
            body.grants_wanted(),
            body.expires_at,
            body.custom_role,
        )
        new = await identity.create_key(command)
        return models.new_key(new.key, new.secret.reveal())

    @made.get("/v1/keys", permission="api_keys.read", summary="List API keys of this mode")
    async def keys(asker: Asker, tenant: Tenant, page: PageQuery) -> Page[models.KeyAnswer]:
        found = await identity.keys(OfTenant(asker, tenant, page.limit, read_forward(page)))
        return Page(data=[models.key(one) for one in found.keys], has_more=found.has_more)

    @made.get("/v1/keys/{key}", permission="api_keys.read", summary="One API key")
    async def one_key(key: str, asker: Asker, tenant: Tenant) -> models.KeyAnswer:
        return models.key(await identity.key(asker, tenant, key))

    @made.post("/v1/keys/{key}/rotate", permission="api_keys.write", summary="Make a successor")
    async def rotate_key(
        key: str, body: models.RotateBody, asker: Asker, tenant: Tenant
    ) -> models.NewKeyAnswer:
        command = RotateApiKey(ids.new("key"), asker, tenant, key, body.overlap_seconds)
        new = await identity.rotate_key(command)
        return models.new_key(new.key, new.secret.reveal())

    @made.post("/v1/keys/revoke", permission="api_keys.write", status=200, summary="End many")
    async def revoke_keys(
        body: models.RevokeBody, asker: Asker, tenant: Tenant
    ) -> models.RevokedAnswer:
        """End every key of this mode that fits, at once: what one does first after a theft."""
        if body.all is body.names_some:
            raise Invalid("say which keys: of a kind or role, for a resource, or all", field="all")
        command = RevokeApiKeys(asker, tenant, body.kind, body.role, body.resource, body.access)
        return models.RevokedAnswer(revoked=await identity.revoke_keys(command))

    @made.delete("/v1/keys/{key}", permission="api_keys.write", summary="Revoke it now")
    async def revoke_key(key: str, asker: Asker, tenant: Tenant) -> models.KeyAnswer:
        return models.key(await identity.revoke_key(RevokeApiKey(asker, tenant, key)))

    del create_key, keys, one_key, rotate_key, revoke_keys, revoke_key


def session_token(visit: ThisVisit) -> Secret[str]:
    """Return the session token of this very request."""
    credential = credential_of(visit.headers)
    if credential is None:
        raise CredentialInvalid
    return credential.secret


def set_session_cookie(response: Response, token: str, seconds: int) -> None:
    """Let a browser keep its session where no script reads it."""
    # `__Host-`: this host only, never over plain HTTP (browsers take 127.0.0.1 for secure).
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=seconds,
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
    )


def read_forward(page: PageRequest) -> str | None:
    """Return after which item a page begins."""
    if page.ending_before is not None:
        raise Invalid("these lists are read forward: use starting_after", field="ending_before")
    return page.starting_after

"""Members: invited by a one-time link, given roles, removed; and always somebody in charge."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.db.database import Tx
from bezant.identity import rules
from bezant.identity.desk import page_limit, token_hash
from bezant.identity.logins import Logins
from bezant.identity.passwords import strong
from bezant.identity.people import letters
from bezant.identity.port import (
    AcceptInvitation,
    AlreadyShown,
    CancelInvitation,
    ChangeMember,
    Invitation,
    InvitationInvalid,
    InvitationPage,
    InviteMember,
    LastAdmin,
    Member,
    MemberPage,
    NewInvitation,
    OfTenant,
    RemoveMember,
    Role,
    UnknownInvitation,
    UnknownMember,
    UnknownMerchant,
)
from bezant.identity.roles import narrowing, spelled_role
from bezant.identity.store import api_key as key_store
from bezant.identity.store import member as store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store import sign_up as letter_store
from bezant.identity.store.member import InvitationRow, MemberRow
from bezant.ids import read, spell

JOIN_PATH: Final = "/join"
LETTERS_MAX: Final = 3
"""To one address in a day: nobody's mailbox is filled through us. Whoever invites has the link."""
_log = telemetry.log("identity")


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who was a member nowhere until now."""

    name: str
    password_hash: str


class Members(Logins):
    """The part of the service that is about who belongs where."""

    async def invite(self, command: InviteMember) -> NewInvitation:
        """Make a one-time link for a person."""
        rules.permit(command.by, "members.write", command.tenant)
        now = self._clock.now()
        row = InvitationRow(
            id=read("inv", command.id, "id"),
            merchant_id=rules.tenant_id(command.tenant),
            email=rules.normal_email(command.email),
            role=command.role,
            invited_by=command.by.subject,
            created_at=now,
            expires_at=now + rules.INVITATION_LIFE,
            accepted_at=None,
            cancelled_at=None,
            custom_role=None,
        )
        token = self._new_token("bzi")
        base = self._issuer.base
        mail = await self._stamped(letters.invited(row.email, base + JOIN_PATH, token, base))
        async with self._database.transaction() as tx:
            if not await merchant_store.lock(tx, row.merchant_id):
                raise UnknownMerchant
            given = await narrowing(tx, row.merchant_id, command.role, command.custom_role)
            rules.appointable(
                command.by, rules.member_permissions(command.role, command.tenant, given.grants)
            )
            row = replace(row, custom_role=given.id)
            since = now - timedelta(days=1)
            posted = await letter_store.invited(tx, row.email, since) < LETTERS_MAX
            if not await store.add_invitation(tx, row, token_hash(token), posted=posted):
                raise AlreadyShown
            if posted:
                await self._post(tx, mail)
            about = {"by": row.invited_by, "role": row.role}
            await self._record(tx, "invitation.created", command.tenant, command.id, about)
        by, role = row.invited_by, row.role
        _log.info("member.invited", by=by, invitation=command.id, role=role, posted=posted)
        return NewInvitation(_invitation(row), token)

    async def invitations(self, query: OfTenant) -> InvitationPage:
        """Return a page of invitations."""
        rules.permit(query.by, "members.read", query.tenant)
        limit = page_limit(query.limit)
        after = read("inv", query.after, "after") if query.after else None
        async with self._database.transaction() as tx:
            tenant = rules.tenant_id(query.tenant)
            rows = await store.invitation_page(tx, tenant, after, limit + 1)
        found = tuple(_invitation(row) for row in rows[:limit])
        return InvitationPage(found, has_more=len(rows) > limit)

    async def cancel_invitation(self, command: CancelInvitation) -> Invitation:
        """Make an open invitation worthless."""
        rules.permit(command.by, "members.write", command.tenant)
        async with self._database.transaction() as tx:
            row = await store.cancel_invitation(
                tx,
                read("inv", command.invitation),
                rules.tenant_id(command.tenant),
                self._clock.now(),
            )
            if row is not None:
                about = {"by": command.by.subject}
                what = "invitation.cancelled"
                await self._record(tx, what, command.tenant, command.invitation, about)
        if row is None:
            raise UnknownInvitation
        return _invitation(row)

    async def accept_invitation(self, command: AcceptInvitation) -> Member:
        """Turn an invitation into a membership, once."""
        hashed = token_hash(command.token)
        async with self._database.transaction() as tx:
            invitation = await store.open_invitation(tx, hashed, self._clock.now())
            person = invitation and await store.person_by_email(tx, invitation.email)
        if invitation is None:  # Looked at first, so that nobody makes us hash for nothing.
            raise InvitationInvalid
        if person is not None:
            if invitation.invited_by == spell("mem", person.id):
                raise InvitationInvalid  # Nobody makes themselves more than they are.
            await self._prove(person.email, command.password)
            return await self._enter(invitation, hashed, None, person.id)
        name = rules.normal_name(command.name)
        strong(command.password, invitation.email)
        async with self._passwords.turn():
            password_hash = await self._passwords.hash(command.password)
        return await self._enter(
            invitation, hashed, NewPerson(name, password_hash), self._ids.uuid()
        )

    async def members(self, query: OfTenant) -> MemberPage:
        """Return a page of members."""
        rules.permit(query.by, "members.read", query.tenant)
        limit = page_limit(query.limit)
        after = read("mem", query.after, "after") if query.after else None
        async with self._database.transaction() as tx:
            rows = await store.page(tx, rules.tenant_id(query.tenant), after, limit + 1)
        return MemberPage(tuple(told(row) for row in rows[:limit]), has_more=len(rows) > limit)

    async def change_member(self, command: ChangeMember) -> Member:
        """Give a member another role."""
        rules.permit(command.by, "members.write", command.tenant)
        async with self._database.transaction() as tx:
            row = await _locked(tx, command.tenant, command.member)
            given = await narrowing(tx, row.merchant_id, command.role, command.custom_role)
            rules.appointable(
                command.by, rules.member_permissions(command.role, command.tenant, given.grants)
            )
            rules.appointable(command.by, _held(row))
            await store.set_role(tx, row.id, row.merchant_id, command.role, given.id)
            await _keep_an_admin(tx, row)
            if command.role is not Role.ADMIN or given.id is not None:
                await _uninvite(tx, row, self._clock.now())
            about = {"by": command.by.subject, "role": command.role, "before": row.role}
            await self._record(tx, "member.changed", command.tenant, command.member, about)
            tx.after_commit(self._rights_taken)
        _log.info("member.changed", by=command.by.subject, member=command.member, role=command.role)
        return told(replace(row, role=command.role, custom_role=given.id))

    async def remove_member(self, command: RemoveMember) -> Member:
        """End a membership and the sessions in it."""
        rules.permit(command.by, "members.write", command.tenant)
        async with self._database.transaction() as tx:
            row = await _locked(tx, command.tenant, command.member)
            rules.appointable(command.by, _held(row))
            now = self._clock.now()
            await store.leave(tx, row.id, row.merchant_id, now)
            await _keep_an_admin(tx, row)
            await _uninvite(tx, row, now)
            # Keys are the merchant's and run its servers; they are told, not ended.
            left = await key_store.left_by(tx, command.member, now)
            about = {"by": command.by.subject, "role": row.role, "keys_left": left}
            await self._record(tx, "member.removed", command.tenant, command.member, about)
            tx.after_commit(self._rights_taken)
        by, member = command.by.subject, command.member
        if left:
            _log.warn("member.left_keys", by=by, member=member, tenant=command.tenant, keys=left)
        _log.info("member.removed", by=by, member=member)
        return told(row)

    async def _enter(
        self, invitation: InvitationRow, hashed: bytes, person: NewPerson | None, member_id: UUID
    ) -> Member:
        """Use up an invitation and make its membership, in one transaction."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await merchant_store.lock(tx, invitation.merchant_id)
            if person is not None:
                await store.add_person(tx, member_id, invitation.email, person.name, now)
                await store.add_password(tx, member_id, person.password_hash, now)
            if not await store.claim_invitation(tx, hashed, member_id, now):
                raise InvitationInvalid
            before = await store.find(tx, member_id, invitation.merchant_id)
            await store.join(
                tx,
                member_id,
                invitation.merchant_id,
                invitation.role,
                now,
                invitation.custom_role,
            )
            await store.seen_in(tx, member_id, now)
            if before is not None:
                await _keep_an_admin(tx, before)
            row = await store.find(tx, member_id, invitation.merchant_id)
            assert row is not None
            member = told(row)
            about = {"role": member.role, "invitation": spell("inv", invitation.id)}
            await self._record(tx, "member.joined", member.tenant, member.id, about)
            tx.after_commit(self._rights_taken)
        _log.info("member.joined", member=member.id, tenant=member.tenant, role=member.role)
        return member


async def _locked(tx: Tx, tenant: str, member: str) -> MemberRow:
    """Return a member, with the tenant locked so that two admins cannot remove each other."""
    merchant_id = rules.tenant_id(tenant)
    await merchant_store.lock(tx, merchant_id)
    row = await store.find(tx, read("mem", member), merchant_id)
    if row is None:
        raise UnknownMember
    return row


def _held(row: MemberRow) -> frozenset[str]:
    """Return what a member may do; whoever may less changes nothing about them."""
    narrowed_to = rules.narrowed_to(row.narrowed_to)
    return rules.member_permissions(row.role, rules.tenant_text(row.merchant_id), narrowed_to)


async def _uninvite(tx: Tx, row: MemberRow, at: datetime) -> None:
    """Cancel the invitations of whoever may invite no more; one could be to themselves."""
    everywhere = row.merchant_id == rules.PLATFORM_ID
    inviter = spell("mem", row.id)
    await store.cancel_invitations_of(tx, inviter, row.merchant_id, everywhere=everywhere, at=at)


async def _keep_an_admin(tx: Tx, before: MemberRow) -> None:
    whole = before.role is Role.ADMIN and before.custom_role is None
    if whole and await store.admins(tx, before.merchant_id) == 0:
        raise LastAdmin


def told(row: MemberRow) -> Member:
    """Return a member as the door tells it."""
    return Member(
        id=spell("mem", row.id),
        tenant=rules.tenant_text(row.merchant_id),
        email=row.email,
        name=row.name,
        role=row.role,
        joined_at=row.joined_at,
        last_login_at=row.last_login_at,
        custom_role=spelled_role(row.custom_role),
    )


def _invitation(row: InvitationRow) -> Invitation:
    return Invitation(
        id=spell("inv", row.id),
        tenant=rules.tenant_text(row.merchant_id),
        email=row.email,
        role=row.role,
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_at=row.accepted_at,
        cancelled_at=row.cancelled_at,
        custom_role=spelled_role(row.custom_role),
    )

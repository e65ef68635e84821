"""Custom roles: made, changed, ended; and looked up where somebody is given one."""

from dataclasses import dataclass, replace
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor
from bezant.db.database import Tx
from bezant.identity import rules
from bezant.identity.custom_role import (
    ROLES_MAX,
    ChangeRole,
    CreateRole,
    CustomRole,
    EndRole,
    MalformedRole,
    RoleInUse,
    TooManyRoles,
    UnknownRole,
)
from bezant.identity.desk import Desk
from bezant.identity.port import AlreadyExists, Grant, OfTenant, Role, UnknownMerchant
from bezant.identity.store import custom_role as store
from bezant.identity.store import member as member_store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store.custom_role import CustomRoleRow
from bezant.ids import read, spell

_log = telemetry.log("identity")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a custom role leaves of its basis; without one, all of it."""

    id: UUID | None = None
    grants: tuple[Grant, ...] | None = None


class Roles(Desk):
    """The part of the service that is about custom roles."""

    async def create_role(self, command: CreateRole) -> CustomRole:
        """Make a custom role."""
        rules.permit(command.by, "members.write", command.tenant)
        rules.well_formed_role(command.basis, command.grants, command.tenant)
        rules.appointable(command.by, rules.granted(command.grants))
        row = CustomRoleRow(
            id=read("rol", command.id, "id"),
            merchant_id=rules.tenant_id(command.tenant),
            name=rules.normal_name(command.name),
            basis=command.basis,
            grants=rules.spelled(command.grants),
            created_at=self._clock.now(),
            created_by=command.by.subject,
        )
        async with self._database.transaction() as tx:
            if not await merchant_store.lock(tx, row.merchant_id):
                raise UnknownMerchant
            if len(await store.of_tenant(tx, row.merchant_id, ROLES_MAX)) >= ROLES_MAX:
                raise TooManyRoles
            if not await store.add(tx, row):
                raise AlreadyExists(field="id")
            await self._record_role(tx, "role.created", command.by, row)
        return told(row)

    async def change_role(self, command: ChangeRole) -> CustomRole:
        """Change a custom role, and with it what all may do who have it."""
        rules.permit(command.by, "members.write", command.tenant)
        async with self._database.transaction() as tx:
            before = await _locked(tx, command.tenant, command.role)
            rules.appointable(command.by, rules.granted(rules.grants_of(before.grants)))
            row = before
            if command.name is not None:
                row = replace(row, name=rules.normal_name(command.name))
            if command.grants:
                rules.well_formed_role(row.basis, command.grants, command.tenant)
                rules.appointable(command.by, rules.granted(command.grants))
                row = replace(row, grants=rules.spelled(command.grants))
            await store.change(tx, row.id, row.name, row.grants)
            if row.grants != before.grants:
                await self._uninvite_holders(tx, row)
            await self._record_role(tx, "role.changed", command.by, row)
            tx.after_commit(self._rights_taken)
        return told(row)

    async def end_role(self, command: EndRole) -> CustomRole:
        """End a custom role that nobody has."""
        rules.permit(command.by, "members.write", command.tenant)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await _locked(tx, command.tenant, command.role)
            if await store.in_use(tx, row.id, now):
                raise RoleInUse
            await store.end(tx, row.id, now)
            await self._record_role(tx, "role.ended", command.by, row)
        return told(row)

    async def role(self, by: Actor, tenant: str, role: str) -> CustomRole:
        """Return one custom role."""
        rules.permit(by, "members.read", tenant)
        async with self._database.transaction() as tx:
            row = await store.find(tx, read("rol", role), rules.tenant_id(tenant))
        if row is None:
            raise UnknownRole
        return told(row)

    async def roles(self, query: OfTenant) -> tuple[CustomRole, ...]:
        """Return a tenant's custom roles by name."""
        rules.permit(query.by, "members.read", query.tenant)
        async with self._database.transaction() as tx:
            rows = await store.of_tenant(tx, rules.tenant_id(query.tenant), ROLES_MAX)
        return tuple(told(row) for row in rows)

    async def _uninvite_holders(self, tx: Tx, row: CustomRoleRow) -> None:
        """Cancel what was invited to by people who may something else now, perhaps less."""
        everywhere, now = row.merchant_id == rules.PLATFORM_ID, self._clock.now()
        for member in await store.holders(tx, row.id):
            await member_store.cancel_invitations_of(
                tx, spell("mem", member), row.merchant_id, everywhere=everywhere, at=now
            )

    async def _record_role(self, tx: Tx, what: str, by: Actor, row: CustomRoleRow) -> None:
        tenant, role = rules.tenant_text(row.merchant_id), spell("rol", row.id)
        about = {"by": by.subject, "basis": row.basis, "grants": list(row.grants)}
        await self._record(tx, what, tenant, role, about)
        _log.info(what, by=by.subject, role=role, tenant=tenant)


async def narrowing(tx: Tx, merchant_id: UUID, basis: Role, custom: str) -> Narrowing:
    """Return what a custom role leaves of the role it is said to narrow.

    Whoever gives it to somebody holds the tenant's lock, so that it does not end meanwhile.
    """
    if not custom:
        return Narrowing()
    row = await store.find(tx, read("rol", custom, "custom_role"), merchant_id)
    if row is None:
        raise UnknownRole(field="custom_role")
    if row.basis is not basis:
        raise MalformedRole(f"this role narrows {row.basis}", field="role")
    return Narrowing(row.id, rules.grants_of(row.grants))


async def _locked(tx: Tx, tenant: str, role: str) -> CustomRoleRow:
    merchant_id = rules.tenant_id(tenant)
    await merchant_store.lock(tx, merchant_id)
    row = await store.find(tx, read("rol", role), merchant_id)
    if row is None:
        raise UnknownRole
    return row


def spelled_role(stored: UUID | None) -> str:
    """Return a custom role's id as it is told; nothing where there is none."""
    return spell("rol", stored) if stored is not None else ""


def told(row: CustomRoleRow) -> CustomRole:
    """Return a custom role as the door tells it."""
    return CustomRole(
        id=spell("rol", row.id),
        tenant=rules.tenant_text(row.merchant_id),
        name=row.name,
        basis=row.basis,
        grants=rules.grants_of(row.grants),
        created_at=row.created_at,
        created_by=row.created_by,
    )

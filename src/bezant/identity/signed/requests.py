"""Partners' keys and certificates, and whose a signed request is."""

from decimal import Decimal
from typing import Final

from cryptography import x509

from bezant import telemetry
from bezant.actor import PLATFORM, Actor, Caller
from bezant.db.database import Tx
from bezant.errors import Unavailable
from bezant.identity import rules
from bezant.identity.api_key import Identified, KeyKind, UnknownCredential
from bezant.identity.desk import page_limit
from bezant.identity.member import OfTenant, Role
from bezant.identity.port import AlreadyExists, UnknownMerchant
from bezant.identity.provider.clients import Clients
from bezant.identity.repeating import Keyed, keyed, made_before, remember
from bezant.identity.signed import certificates, checks
from bezant.identity.signed.certificates import CertificateRefused
from bezant.identity.signed.checks import SignatureRefused
from bezant.identity.signer import (
    REVOKED_MAX,
    SIGNERS_MAX,
    CertificateRevoked,
    CreateSigner,
    IssueCertificate,
    MalformedSigner,
    PartnerCertificate,
    RevokeCertificate,
    RevokeSigner,
    SignedRequest,
    Signer,
    SignerEnded,
    SignerPage,
    TooManySigners,
    UnknownSigner,
)
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store import signer as store
from bezant.identity.store.signer import AuthorityRow, CertificateRow, HolderRow, SignerRow
from bezant.ids import MalformedId, read, spell
from bezant.keys.port import DeclareKey, KeySpec, KeyState, Purpose

AUTHORITY_KEY: Final = "partner-authority"
"""The logical key that vouches for partners."""
VOUCHING: Final = frozenset({KeyState.ACTIVE, KeyState.VERIFY_ONLY})
SERIAL_BYTES: Final = 19  # RFC 5280, 4.1.2.2 allows twenty, the first bit unset.
_log = telemetry.log("identity")


class SignedRequests(Clients):
    """The part of the service that knows partners who sign."""

    _authority_declared = False

    async def create_signer(self, command: CreateSigner) -> Signer:
        """Register a partner's key once."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        if command.tenant == PLATFORM or command.role is Role.CUSTOMER:
            raise MalformedSigner("a signer is a program of a merchant", field="role")
        rules.grantable(command.by, rules.key_permissions(KeyKind.SECRET, command.role, ()))
        public_key, algorithm = certificates.public_key_of(command.public_key)
        now = self._clock.now()
        if command.expires_at is not None and command.expires_at <= now:
            raise MalformedSigner("the signer would have ended already", field="expires_at")
        row = SignerRow(
            id=read("sgn", command.id, "id"),
            merchant_id=rules.tenant_id(command.tenant),
            mode=command.by.mode,
            role=command.role,
            name=rules.normal_name(command.name or "Partner"),
            public_key=public_key,
            algorithm=algorithm,
            created_at=now,
            created_by=command.by.subject,
            expires_at=command.expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        asked = _keyed(command)
        async with self._database.transaction() as tx:
            if not await merchant_store.lock(tx, row.merchant_id):
                raise UnknownMerchant
            before = await made_before(tx, asked, now)
            if before is not None:
                made = spell("sgn", before)
                return _told(await self._signer(tx, command.by, command.tenant, made))
            if await store.count(tx, row.merchant_id, row.mode) >= SIGNERS_MAX:
                raise TooManySigners
            if not await store.add(tx, row):
                known = await store.find(tx, row.id, row.merchant_id, row.mode)
                if known is None or known.public_key != public_key or known.role != row.role:
                    raise AlreadyExists
                return _told(known)
            await remember(tx, asked, row.id, now)
            await self._tell(tx, "signer.created", command.by, command.tenant, command.id)
        return _told(row)

    async def revoke_signer(self, command: RevokeSigner) -> Signer:
        """End a signer now."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await self._signer(tx, command.by, command.tenant, command.signer)
            if row.revoked_at is None:
                await store.revoke(tx, row.id, now, command.by.subject)
                await self._tell(tx, "signer.revoked", command.by, command.tenant, command.signer)
                row = await self._signer(tx, command.by, command.tenant, command.signer)
        self._rights_taken(command.signer)
        return _told(row)

    async def signer(self, by: Actor, tenant: str, signer: str) -> Signer:
        """Return one signer."""
        rules.permit(by, "api_keys.read", tenant)
        async with self._database.transaction() as tx:
            return _told(await self._signer(tx, by, tenant, signer))

    async def signers(self, query: OfTenant) -> SignerPage:
        """Return a page of signers of one's mode, newest first."""
        rules.permit(query.by, "api_keys.read", query.tenant)
        limit = page_limit(query.limit)
        after = read("sgn", query.after, "after") if query.after else None
        merchant = rules.tenant_id(query.tenant)
        async with self._database.transaction() as tx:
            rows = await store.page(tx, merchant, query.by.mode, after, limit + 1)
        return SignerPage(tuple(_told(row) for row in rows[:limit]), len(rows) > limit)

    async def issue_certificate(self, command: IssueCertificate) -> PartnerCertificate:
        """Give a signer a certificate of our authority."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        async with self._database.transaction() as tx:
            row = await self._signer(tx, command.by, command.tenant, command.signer)
        now = self._clock.now()
        if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            raise SignerEnded
        rules.grantable(command.by, rules.key_permissions(KeyKind.SECRET, row.role, ()))
        certificates.requested(command.request, row.public_key)
        kid, authority = (await self._authorities())[0]
        serial = int.from_bytes(self._chance(SERIAL_BYTES)) | 1
        body = certificates.partner_body(authority, command.signer, row.public_key, serial, now)
        made = await self._signed_by(kid, body)
        leaf = x509.load_der_x509_certificate(made)
        until = leaf.not_valid_after_utc
        stored = CertificateRow(Decimal(serial), row.id, now, until, None)
        async with self._database.transaction() as tx:
            locked = await self._signer(tx, command.by, command.tenant, command.signer, held=True)
            if locked.revoked_at is not None:
                raise SignerEnded
            await store.add_certificate(tx, stored)
            await self._tell(tx, "signer.certified", command.by, command.tenant, command.signer)
        return PartnerCertificate(
            signer=command.signer,
            serial=f"{serial:x}",
            certificate=certificates.text_of(leaf),
            authority=certificates.text_of(authority),
            issued_at=now,
            expires_at=until,
        )

    async def revoke_certificate(self, command: RevokeCertificate) -> CertificateRevoked:
        """End one certificate now."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        serial, now = _serial(command.serial), self._clock.now()
        async with self._database.transaction() as tx:
            signer = await self._signer(tx, command.by, command.tenant, command.signer)
            row = await store.certificate(tx, serial)
            if row is None or row.signer_id != signer.id:
                raise UnknownSigner
            if row.revoked_at is None:
                await store.revoke_certificate(tx, serial, now)
                await self._tell(tx, "signer.revoked", command.by, command.tenant, command.signer)
        self._rights_taken(command.signer)
        return CertificateRevoked(command.signer, command.serial, row.revoked_at or now)

    async def partner_authority(self) -> tuple[str, ...]:
        """Return the authority's certificates, the one that issues now before all others."""
        return tuple(certificates.text_of(one) for _, one in await self._authorities())

    async def revoked_partners(self) -> bytes:
        """Return the list of revoked certificates, signed by the authority."""
        now, (kid, authority) = self._clock.now(), (await self._authorities())[0]
        async with self._database.transaction() as tx:
            rows = await store.revoked(tx, now, REVOKED_MAX)
        ended = [(int(row.serial), row.revoked_at or now) for row in rows]
        return await self._signed_by(kid, certificates.list_body(authority, ended, now))

    async def identify_signed(self, request: SignedRequest) -> Identified:
        """Return whose a signature is; it counts once."""
        try:
            if request.origin not in self._issuer.origins:
                raise SignatureRefused  # It was made for another installation.
            now = self._clock.now()
            until = checks.timely(request, now)
            row = await self._counting(request.key)
            checks.well_formed(request, row.algorithm)
            checks.fits(request, row.public_key)
            if not await self._spend(f"signature {request.key} {request.nonce}", until):
                raise SignatureRefused
        except SignatureRefused:
            raise UnknownCredential from None
        return _identified(row)

    async def identify_certificate(self, certificate: bytes) -> Identified:
        """Return whose a certificate is, if our authority vouches for it still."""
        try:
            now = self._clock.now()
            authorities = [one for _, one in await self._authorities()]
            shown = certificates.vouched_for(certificate, authorities, now)
            async with self._database.transaction() as tx:
                known = await store.certificate(tx, Decimal(shown.serial))
            if known is None or known.revoked_at is not None:
                raise CertificateRefused
            row = await self._counting(spell("sgn", known.signer_id))
            if row.public_key != shown.public_key:
                raise CertificateRefused
        except (CertificateRefused, SignatureRefused):
            raise UnknownCredential from None
        return _identified(row)

    async def _counting(self, signer: str) -> HolderRow:
        """Return a signer that counts today."""
        try:
            signer_id = read("sgn", signer)
        except MalformedId:
            raise SignatureRefused from None
        async with self._database.transaction() as tx:
            row = await store.holder(tx, signer_id)
        now = self._clock.now()
        if (
            row is None
            or row.revoked_at is not None
            or (row.expires_at is not None and row.expires_at <= now)
            or not row.active
            or (row.demo and self._live)
        ):
            raise SignatureRefused
        return row

    async def _signer(
        self, tx: Tx, by: Actor, tenant: str, signer: str, *, held: bool = False
    ) -> SignerRow:
        signer_id = read("sgn", signer, "signer")
        row = await store.find(tx, signer_id, rules.tenant_id(tenant), by.mode, held=held)
        if row is None:
            raise UnknownSigner
        return row

    async def _tell(self, tx: Tx, what: str, by: Actor, tenant: str, signer: str) -> None:
        await self._record(tx, what, tenant, signer, {"by": by.subject}, by.mode)
        _log.info(what, signer=signer, by=by.subject)

    async def _authorities(self) -> list[tuple[str, x509.Certificate]]:
        """Return the certificate of every version of the authority's key, the active one first."""
        if not self._authority_declared:
            await self._keys.declare(
                DeclareKey(AUTHORITY_KEY, Purpose.SIGN, KeySpec.P256, by="identity", rotate_days=0)
            )
            self._authority_declared = True
        keys = [one for one in await self._keys.public_keys(AUTHORITY_KEY) if one.state in VOUCHING]
        keys.sort(key=lambda one: one.state != KeyState.ACTIVE)
        kids = [one.kid for one in keys]
        async with self._database.transaction() as tx:
            known = {row.kid: row.certificate for row in await store.authorities(tx, kids)}
        active = keys[0]
        if active.kid not in known:
            now = self._clock.now()
            body = certificates.authority_body(active.public_key, active.kid, now)
            made = await self._signed_by(active.kid, body)
            async with self._database.transaction() as tx:
                await store.keep_authority(tx, AuthorityRow(active.kid, made), now)
            async with self._database.transaction() as tx:
                known |= {row.kid: row.certificate for row in await store.authorities(tx, kids)}
        return [(kid, x509.load_der_x509_certificate(known[kid])) for kid in kids if kid in known]

    async def _signed_by(self, kid: str, body: bytes) -> bytes:
        signature = await self._keys.sign(AUTHORITY_KEY, body)
        if signature.kid != kid:
            raise Unavailable("the authority's key was rotated just now", retry_after_seconds=1)
        return certificates.assembled(body, signature.value)


def _identified(row: HolderRow) -> Identified:
    subject = spell("sgn", row.id)
    actor = Actor(
        # A program that acts by itself: its key lies with whoever runs it, not with its maker.
        Caller.CLIENT,
        subject,
        rules.tenant_text(row.merchant_id),
        row.mode,
        rules.key_permissions(KeyKind.SECRET, row.role, ()),
        row.role.value,
    )
    return Identified(actor, subject, False, row.expires_at, generation=0)


def _keyed(command: CreateSigner) -> Keyed | None:
    ends = command.expires_at and command.expires_at.isoformat()
    parts = (command.role.value, command.public_key, command.name, ends)
    return keyed("signer", command.key, command.by, command.tenant, *parts)


def _told(row: SignerRow) -> Signer:
    return Signer(
        id=spell("sgn", row.id),
        tenant=rules.tenant_text(row.merchant_id),
        mode=row.mode,
        role=row.role,
        name=row.name,
        algorithm=row.algorithm,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _serial(text: str) -> Decimal:
    try:
        return Decimal(int(text[:64], 16))
    except ValueError:
        raise UnknownSigner from None

"""Partners who sign, over HTTP: their keys, their certificates, and our authority."""

from fastapi import Response

from bezant.http.idempotency import Idempotency
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import PUBLIC, Asker, Routes, ThisVisit
from bezant.identity.http import Tenant, read_forward
from bezant.identity.port import Identity, OfTenant
from bezant.identity.signed import messages as models
from bezant.identity.signer import (
    CreateSigner,
    IssueCertificate,
    RevokeCertificate,
    RevokeSigner,
)
from bezant.ids import Ids

AUTHORITY_PATH = "/.well-known/partner-authority.pem"
REVOKED_PATH = "/.well-known/partner-authority.crl"


class CertificateChain(Response):
    """Certificates in PEM (RFC 8555, 9.1)."""

    media_type = "application/pem-certificate-chain"


class RevocationList(Response):
    """A signed list of revoked certificates (RFC 2585, 4.2)."""

    media_type = "application/pkix-crl"


def routes(identity: Identity, ids: Ids) -> Routes:
    """Return every route about partners who sign."""
    made = Routes("identity", tag="Signed requests")
    _add_signers(made, identity, ids)
    _add_certificates(made, identity)
    _add_authority(made, identity)
    return made


def _add_signers(made: Routes, identity: Identity, ids: Ids) -> None:
    @made.post(
        "/v1/signers",
        permission="api_keys.write",
        idempotency=Idempotency.OPTIONAL,
        summary="Register a partner's key",
    )
    async def create_signer(
        body: models.SignerBody, asker: Asker, tenant: Tenant, visit: ThisVisit
    ) -> models.SignerAnswer:
        """Register a partner's key; the same request under the same key answers the same signer."""
        command = CreateSigner(
            ids.new("sgn"),
            asker,
            tenant,
            body.role,
            body.public_key,
            body.name,
            body.expires_at,
            visit.idempotency_key or "",
        )
        return models.SignerAnswer.model_validate(await identity.create_signer(command))

    @made.get("/v1/signers", permission="api_keys.read", summary="List partners who sign")
    async def signers(asker: Asker, tenant: Tenant, page: PageQuery) -> Page[models.SignerAnswer]:
        found = await identity.signers(OfTenant(asker, tenant, page.limit, read_forward(page)))
        data = [models.SignerAnswer.model_validate(one) for one in found.signers]
        return Page(data=data, has_more=found.has_more)

    @made.get("/v1/signers/{signer}", permission="api_keys.read", summary="One partner who signs")
    async def one_signer(signer: str, asker: Asker, tenant: Tenant) -> models.SignerAnswer:
        return models.SignerAnswer.model_validate(await identity.signer(asker, tenant, signer))

    @made.delete("/v1/signers/{signer}", permission="api_keys.write", summary="Revoke it now")
    async def revoke_signer(signer: str, asker: Asker, tenant: Tenant) -> models.SignerAnswer:
        """End a partner's key and every certificate for it, at once."""
        told = await identity.revoke_signer(RevokeSigner(asker, tenant, signer))
        return models.SignerAnswer.model_validate(told)

    del create_signer, signers, one_signer, revoke_signer


def _add_certificates(made: Routes, identity: Identity) -> None:
    @made.post(
        "/v1/signers/{signer}/certificates",
        permission="api_keys.write",
        summary="Issue a client certificate",
    )
    async def issue(
        signer: str, body: models.CertificateBody, asker: Asker, tenant: Tenant
    ) -> models.CertificateAnswer:
        command = IssueCertificate(asker, tenant, signer, body.request)
        return models.CertificateAnswer.model_validate(await identity.issue_certificate(command))

    @made.delete(
        "/v1/signers/{signer}/certificates/{serial}",
        permission="api_keys.write",
        summary="Revoke a client certificate",
    )
    async def revoke(signer: str, serial: str, asker: Asker, tenant: Tenant) -> models.EndedAnswer:
        command = RevokeCertificate(asker, tenant, signer, serial)
        return models.EndedAnswer.model_validate(await identity.revoke_certificate(command))

    del issue, revoke


def _add_authority(made: Routes, identity: Identity) -> None:
    @made.get(
        AUTHORITY_PATH,
        permission=PUBLIC,
        summary="Our authority's certificates",
        response_class=CertificateChain,
    )
    async def authority() -> Response:
        return CertificateChain("".join(await identity.partner_authority()))

    @made.get(
        REVOKED_PATH,
        permission=PUBLIC,
        summary="Revoked client certificates",
        response_class=RevocationList,
    )
    async def revoked() -> Response:
        return RevocationList(await identity.revoked_partners())

    del authority, revoked

"""Disputes, settlement files and rules over HTTP: what the people at the desk do."""

from dataclasses import replace
from typing import Annotated, Final

from fastapi import Query

from bezant.http.idempotency import Idempotency
from bezant.http.pages import CreatedQuery, Page, PageQuery
from bezant.http.routes import Asker, RequiredKey, Routes
from bezant.payments.http import answers as a
from bezant.payments.http.raw import RawBody
from bezant.payments.http.rules import of_the_platform
from bezant.payments.port import (
    ChangeTerms,
    DisputesOf,
    DisputeState,
    FeeRule,
    LimitRule,
    Payments,
    RoutingRule,
    SettleFile,
    SubmitEvidence,
    Terms,
)

FILE_BYTES_MAX: Final = 32_000_000  # A hundred thousand lines.
FILES: Final = ("text/csv", "application/xml", "text/xml", "application/octet-stream")


def add(routes: Routes, port: Payments) -> None:
    """Add the routes of disputes, settlements and rules."""
    _disputes(routes, port)
    _settlements(routes, port)
    _terms(routes, port)


def _disputes(routes: Routes, port: Payments) -> None:
    @routes.get("/v1/disputes", permission="payments.read")
    async def disputes(
        asker: Asker,
        page: PageQuery,
        created: CreatedQuery,
        payment: str | None = None,
        state: DisputeState | None = None,
    ) -> Page[a.DisputeModel]:
        """List disputes, newest first; a dispute is made when it is opened."""
        found = await port.disputes(
            DisputesOf(
                asker.tenant, asker.mode, payment, state, page.limit, page.starting_after,
                created.since, created.until, page.ending_before,
            )
        )  # fmt: skip
        return Page(
            data=[a.DisputeModel.model_validate(one) for one in found.disputes],
            has_more=found.has_more,
        )

    @routes.get("/v1/disputes/{dispute}", permission="payments.read")
    async def dispute(dispute: str, asker: Asker) -> a.DisputeModel:
        """Return one dispute."""
        found = await port.dispute(asker.tenant, asker.mode, dispute)
        return a.DisputeModel.model_validate(found)

    @routes.post(
        "/v1/disputes/{dispute}/evidence",
        permission="payments.write",
        status=200,
        idempotency=Idempotency.REQUIRED,
    )
    async def evidence(
        dispute: str, body: a.EvidenceBody, asker: Asker, key: RequiredKey
    ) -> a.DisputeModel:
        """Answer a dispute before its evidence is due."""
        command = SubmitEvidence(key, asker.tenant, asker.mode, dispute, body.evidence)
        return a.DisputeModel.model_validate(await port.submit_evidence(command))


def _settlements(routes: Routes, port: Payments) -> None:
    @routes.post(
        "/v1/settlements/{provider}",
        permission="reconciliation.write",
        status=200,
        accepts=FILES,
        body_bytes_max=FILE_BYTES_MAX,
    )
    async def settle(
        provider: str,
        body: RawBody,
        asker: Asker,
        bank_account: Annotated[str, Query(min_length=1, max_length=100)] = "main",
    ) -> a.SettlementModel:
        """Post a provider's settlement file to the book. The same file again changes nothing."""
        of_the_platform(asker)
        command = SettleFile(provider, asker.mode, body, bank_account)
        return a.SettlementModel.model_validate(await port.settle(command))


def _terms(routes: Routes, port: Payments) -> None:
    @routes.get("/v1/terms", permission="settings.read")
    async def terms(asker: Asker) -> a.TermsModel:
        """Return the rules of routing, fees and limits."""
        of_the_platform(asker)
        return a.TermsModel.model_validate(await port.terms())

    @routes.put("/v1/terms", permission="settings.write")
    async def change_terms(body: a.TermsBody, asker: Asker) -> a.TermsChangeModel:
        """Replace the rules of routing, fees and limits by these; limits that are left out stay as
        they are. Other fees and limits need a second person's agreement first. The same change
        again is the one that waits already.
        """
        of_the_platform(asker)
        now = None if body.limits is not None else await port.terms()
        terms = Terms(
            tuple(RoutingRule(**one.model_dump()) for one in body.routing),
            tuple(FeeRule(**one.model_dump()) for one in body.fees),
            tuple(LimitRule(**one.model_dump()) for one in body.limits or ()),
        )
        if now is not None:
            terms = replace(terms, limits=now.limits)
        # Limits that are carried over are those that hold while this is taken.
        change = await port.change_terms(ChangeTerms(asker, terms, instead_of=now))
        return a.TermsChangeModel.model_validate(change)

    @routes.get("/v1/terms/changes/{change}", permission="settings.read")
    async def terms_change(change: str, asker: Asker) -> a.TermsChangeModel:
        """Return a change of the rules: what it wants, and what became of it."""
        of_the_platform(asker)
        return a.TermsChangeModel.model_validate(await port.terms_change(change))

"""Receipts for merchants: found, taken away, signed in full, erased, summed up."""

from datetime import date
from typing import Annotated

from fastapi import Query, Response

from bezant.actor import PLATFORM, Actor
from bezant.errors import Invalid
from bezant.http.pages import Page, PageQuery, PageRequest
from bezant.http.routes import Asker, Routes, ThisVisit
from bezant.receipts.http import answers as models
from bezant.receipts.port import (
    ChangeSettings,
    Outcome,
    Period,
    ReadFile,
    Receipts,
    ReceiptsOf,
    ReportsOf,
)

READ, WRITE, REPORTS = "receipts.read", "receipts.write", "reports.read"
PATH = "/v1/receipts"
Shown = Annotated[str | None, Query(max_length=500)]
"""Names of fields with commas between them, such as `amount,created`; all if not given."""
Id = Annotated[str | None, Query(max_length=80)]


def routes(receipts: Receipts, public_url: str) -> Routes:
    """Return the routes for merchants."""
    made = Routes("receipts")
    _add_reading(made, receipts, public_url)
    _add_files(made, receipts, public_url)
    _add_changes(made, receipts, public_url)
    _add_reports(made, receipts)
    return made


def _add_reading(made: Routes, receipts: Receipts, public_url: str) -> None:
    @made.get(PATH, permission=READ, summary="List receipts")
    async def listed(
        asker: Asker,
        visit: ThisVisit,
        page: PageQuery,
        payment: Id = None,
        refund: Id = None,
        outcome: Outcome | None = None,
    ) -> Page[models.ReceiptAnswer]:
        query = ReceiptsOf(
            asker.tenant, asker.mode, payment, refund, outcome, page.limit, _after(page)
        )
        found = await receipts.receipts(query)
        base = models.base_of(visit, public_url)
        data = [models.answered(one, base) for one in found.receipts]
        return Page(data=data, has_more=found.has_more)

    @made.get(f"{PATH}/{{receipt}}", permission=READ, summary="One receipt")
    async def one(receipt: str, asker: Asker, visit: ThisVisit) -> models.ReceiptAnswer:
        found = await receipts.receipt(asker.tenant, asker.mode, receipt)
        return models.answered(found, models.base_of(visit, public_url))

    del listed, one


def _add_files(made: Routes, receipts: Receipts, public_url: str) -> None:
    @made.get(f"{PATH}/{{receipt}}/file", permission=READ, summary="The file anyone can check")
    async def file(receipt: str, asker: Asker, show: Shown = None) -> Response:
        query = ReadFile(asker.tenant, asker.mode, receipt, models.show_of(show))
        return models.filed(await receipts.file(query))

    @made.get(f"{PATH}/{{receipt}}/pdf", permission=READ, summary="The same on paper")
    async def pdf(receipt: str, asker: Asker, visit: ThisVisit, show: Shown = None) -> Response:
        query = ReadFile(asker.tenant, asker.mode, receipt, models.show_of(show))
        return models.printed(await receipts.file(query), models.base_of(visit, public_url))

    del file, pdf


def _add_changes(made: Routes, receipts: Receipts, public_url: str) -> None:
    @made.post(
        f"{PATH}/{{receipt}}/sign",
        permission=WRITE,
        status=200,
        summary="Sign it with ML-DSA-87 too",
    )
    async def sign(receipt: str, asker: Asker, visit: ThisVisit) -> models.ReceiptAnswer:
        found = await receipts.sign_in_full(asker.tenant, asker.mode, receipt)
        return models.answered(found, models.base_of(visit, public_url))

    @made.post(
        f"{PATH}/{{receipt}}/erase",
        permission=WRITE,
        status=200,
        summary="Destroy what opens the receipts of its payment",
    )
    async def erase(receipt: str, asker: Asker) -> models.ErasedAnswer:
        found = await receipts.receipt(asker.tenant, asker.mode, receipt)
        count = await receipts.erase(asker.tenant, (found.payment,))
        return models.ErasedAnswer(receipts=count)

    @made.get("/v1/receipt_settings", permission=READ, summary="How receipts are signed")
    async def settings(asker: Asker) -> models.SettingsAnswer:
        found = await receipts.settings(asker.tenant, asker.mode)
        return models.SettingsAnswer.model_validate(found)

    @made.put("/v1/receipt_settings", permission=WRITE, summary="Sign receipts otherwise")
    async def change(body: models.SettingsBody, asker: Asker) -> models.SettingsAnswer:
        command = ChangeSettings(asker.tenant, asker.mode, body.form)
        return models.SettingsAnswer.model_validate(await receipts.change_settings(command))

    del sign, erase, settings, change


def _add_reports(made: Routes, receipts: Receipts) -> None:
    @made.get("/v1/reports/receipts", permission=REPORTS, summary="Days and weeks summed up")
    async def reports(
        asker: Asker,
        period: Period = Period.DAILY,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        before: date | None = None,
    ) -> Page[models.ReportAnswer]:
        query = ReportsOf(_whose(asker), asker.mode, period, limit, before)
        found = await receipts.reports(query)
        data = [models.ReportAnswer.of(one) for one in found.reports]
        return Page(data=data, has_more=found.has_more)

    del reports


def _whose(asker: Actor) -> str:
    """Return whose receipts are summed up: a merchant's own, or to the platform's people all."""
    return "" if asker.tenant == PLATFORM else asker.tenant


def _after(page: PageRequest) -> str | None:
    if page.ending_before is not None:
        raise Invalid("these lists are read forward: use starting_after", field="ending_before")
    return page.starting_after

"""What an office shows beside payments, over HTTP: their course, their postings, what is owed."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends

from bezant.http.amounts import JsonMoney
from bezant.http.routes import Asker, Routes
from bezant.payments.http import answers as a
from bezant.payments.http.lists import READ, Filters, filters, wanted
from bezant.payments.port import Payments, SeriesOf, Step

LEDGER_READ = "ledger.read"


class SeriesPointModel(a.Answer):
    """What one step brought in one asset."""

    starts_at: datetime
    asset: str
    payments: int
    succeeded: int
    declined: int
    open: int
    captured: JsonMoney
    refunded: JsonMoney


class SeriesModel(a.Answer):
    """A course over time. A step without payments is not in it."""

    object: Literal["series"] = "series"
    since: datetime
    until: datetime
    step: Step
    points: list[SeriesPointModel]


class PostedSideModel(a.Answer):
    """One side of a posting, by the name of its account."""

    account: str
    name: str
    of: str
    side: Literal["debit", "credit"]
    amount: JsonMoney


class PostingModel(a.Answer):
    """What one fact of a payment meant to the book."""

    transfer: str
    recorded_at: datetime
    reason: str
    sides: list[PostedSideModel]


class PostingsModel(a.Answer):
    """What a payment meant to the book, oldest first."""

    data: list[PostingModel]


class OwedModel(a.Answer):
    """What one account between the platform and somebody holds."""

    account: str
    of: str
    amount: JsonMoney


class BalancesModel(a.Answer):
    """What the platform owes a merchant; for the platform, what it is owed and has earned."""

    data: list[OwedModel]


def add(routes: Routes, port: Payments) -> None:
    """Add what only an office asks."""

    @routes.get("/v1/stats/series", permission=READ)
    async def series(
        asker: Asker,
        since: datetime,
        until: datetime,
        where: Annotated[Filters, Depends(filters)],
        step: Step = Step.DAY,
    ) -> SeriesModel:
        """Return what each hour or day (UTC) brought, of the payments that fit."""
        found = await port.series(SeriesOf(wanted(asker, where), since, until, step))
        return SeriesModel.model_validate(found)

    @routes.get("/v1/payments/{payment}/postings", permission=LEDGER_READ)
    async def postings(payment: str, asker: Asker) -> PostingsModel:
        """Return what a payment meant to the book, oldest first."""
        found = await port.postings(asker.tenant, asker.mode, payment)
        return PostingsModel(data=[PostingModel.model_validate(one) for one in found])

    @routes.get("/v1/balances", permission=LEDGER_READ)
    async def balances(asker: Asker) -> BalancesModel:
        """Return what the platform owes its merchant who asks; by account and asset."""
        found = await port.owed(asker.tenant, asker.mode)
        return BalancesModel(data=[OwedModel.model_validate(one) for one in found])

    del series, postings, balances

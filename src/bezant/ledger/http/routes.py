"""The book over HTTP. Postings, batches and holds take the fast lane, the rest the ordinary one."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Query, Response

from bezant.actor import PLATFORM, Actor
from bezant.errors import BezantError, Invalid
from bezant.http.fast import FastAnswer, FastRequest, FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.pages import Page, PageQuery, PageRequest
from bezant.http.routes import Asker, RequiredKey, Routes
from bezant.ledger.http import answers as a
from bezant.ledger.http import bodies as b
from bezant.ledger.http import tables
from bezant.ledger.port import (
    AccountsOf,
    AccountType,
    Axis,
    BalanceOf,
    BatchTooLarge,
    CaptureHold,
    ChangeAccount,
    Ledger,
    Leg,
    OpenAccount,
    Period,
    PostLinked,
    PostTransfer,
    Reconcile,
    ReportOf,
    ReverseTransfer,
    StatementOf,
    TransfersOf,
    TrialBalanceOf,
    VoidHold,
)

READ = "ledger.read"
WRITE = "ledger.write"
RECOMPUTE = "reports.write"
"""Whoever reads every entry of a book costs as much as a thousand who post: not for readers."""
BATCH_BYTES_MAX = 4_000_000  # A thousand transfers with long metadata.
KEYED = Idempotency.REQUIRED


class Form(StrEnum):
    """How a table is answered."""

    JSON = "json"
    CSV = "csv"


def routes(ledger: Ledger) -> Routes:
    """Return every route of the book."""
    found = Routes("ledger")
    _fast(found, ledger)
    _accounts(found, ledger)
    _transfers(found, ledger)
    _holds(found, ledger)
    _sums(found, ledger)
    return found


def _fast(routes: Routes, ledger: Ledger) -> None:
    async def post_transfer(request: FastRequest[b.TransferBody]) -> FastAnswer:
        """Move money."""
        assert request.idempotency_key is not None
        command = request.body.command(request.actor, request.idempotency_key)
        transfer = await ledger.post(command)
        return FastAnswer(b.TransferAnswer.of(transfer), 201, transfer.replayed)

    async def post_batch(request: FastRequest[b.BatchBody]) -> FastAnswer:
        """Move money many times, each transfer for itself."""
        items = request.body.transfers
        commands: list[PostTransfer] = []
        answers: list[b.OutcomeAnswer | None] = []
        for place, item in enumerate(items):
            try:
                client_id = item.id or f"{request.idempotency_key}/{place}"
                commands.append(item.command(request.actor, client_id))
                answers.append(None)
            except BezantError as error:
                answers.append(b.refused(error))
        if not items:
            raise BatchTooLarge("a batch has at least one transfer", field="transfers")
        outcomes = iter(await ledger.post_batch(tuple(commands)))
        told = [answer or b.OutcomeAnswer.of(next(outcomes)) for answer in answers]
        return FastAnswer(b.BatchAnswer(told), 200)

    async def place_hold(request: FastRequest[b.HoldBody]) -> FastAnswer:
        """Set money aside."""
        assert request.idempotency_key is not None
        command = request.body.command(request.actor, request.idempotency_key)
        hold = await ledger.place_hold(command)
        return FastAnswer(b.HoldAnswer.of(hold), 201, hold.replayed)

    routes.add_fast(
        FastRoute(
            "POST", "/v1/transfers", WRITE, post_transfer, b.TransferBody, b.TransferAnswer,
            idempotency=KEYED,
        )
    )  # fmt: skip
    routes.add_fast(
        FastRoute(
            "POST", "/v1/transfers/batch", WRITE, post_batch, b.BatchBody, b.BatchAnswer,
            idempotency=KEYED, status=200, body_bytes_max=BATCH_BYTES_MAX,
        )
    )  # fmt: skip
    routes.add_fast(
        FastRoute(
            "POST", "/v1/holds", WRITE, place_hold, b.HoldBody, b.HoldAnswer, idempotency=KEYED
        )
    )


def _accounts(routes: Routes, ledger: Ledger) -> None:
    @routes.post("/v1/accounts", permission=WRITE, idempotency=KEYED)
    async def open_account(
        body: a.OpenAccountBody, asker: Asker, key: RequiredKey
    ) -> a.AccountModel:
        """Open an account."""
        command = OpenAccount(
            key, asker.tenant, asker.mode, body.asset, body.type, body.owner, body.floor,
            body.group, body.metadata,
        )  # fmt: skip
        return a.AccountModel.model_validate(await ledger.open_account(command))

    @routes.get("/v1/accounts", permission=READ)
    async def accounts(
        asker: Asker,
        page: PageQuery,
        asset: str | None = None,
        owner: str | None = None,
        kind: Annotated[AccountType | None, Query(alias="type")] = None,
    ) -> Page[a.AccountModel]:
        """List accounts, newest first."""
        query = AccountsOf(
            asker.tenant, asker.mode, asset, owner, kind, page.limit, cursor_of(page)
        )
        found = await ledger.accounts(query)
        return Page(
            data=[a.AccountModel.model_validate(one) for one in found.accounts],
            has_more=found.has_more,
        )

    @routes.get("/v1/accounts/{account}", permission=READ)
    async def account(account: str, asker: Asker) -> a.AccountModel:
        """Return one account."""
        found = await ledger.account(asker.tenant, asker.mode, account)
        return a.AccountModel.model_validate(found)

    @routes.patch("/v1/accounts/{account}", permission=WRITE, idempotency=KEYED)
    async def change_account(
        account: str, body: a.ChangeAccountBody, asker: Asker, key: RequiredKey
    ) -> a.AccountModel:
        """Freeze, reopen or close an account, or move its floor."""
        command = ChangeAccount(
            key, asker.tenant, asker.mode, account, body.state, body.floor, body.unlimited,
            body.reason,
        )  # fmt: skip
        return a.AccountModel.model_validate(await ledger.change_account(command))

    @routes.get("/v1/accounts/{account}/balance", permission=READ)
    async def balance(
        account: str,
        asker: Asker,
        at: datetime | None = None,
        by: Axis = Axis.RECORDED,
        position: str | None = None,
    ) -> a.BalanceModel:
        """Return a balance: now, as of an instant, or right after a transfer."""
        query = BalanceOf(asker.tenant, asker.mode, account, at, by, position)
        return a.BalanceModel.model_validate(await ledger.balance(query))

    @routes.get("/v1/accounts/{account}/statement", permission=READ, response_model=None)
    async def statement(
        account: str,
        asker: Asker,
        page: PageQuery,
        recorded_from: datetime | None = None,
        recorded_until: datetime | None = None,
        form: Annotated[Form, Query(alias="format")] = Form.JSON,
    ) -> Page[a.StatementLineModel] | Response:
        """Return entries with the running balance, newest first."""
        found = await ledger.statement(
            StatementOf(
                asker.tenant, asker.mode, account, page.limit, cursor_of(page), recorded_from,
                recorded_until,
            )
        )  # fmt: skip
        if form is Form.CSV:
            return Response(tables.statement(found), media_type=tables.MEDIA_TYPE)
        lines = [a.StatementLineModel.model_validate(line) for line in found.lines]
        return Page(data=lines, has_more=found.has_more)


def _transfers(routes: Routes, ledger: Ledger) -> None:
    @routes.post("/v1/transfers/rehearse", permission=WRITE, status=200)
    async def rehearse(body: a.LinkedItemBody, asker: Asker) -> a.TrialModel:
        """Tell what a transfer would do; takes the book's turn as one does, writes nothing."""
        command = _transfer(body, asker, "rehearsal")
        return a.TrialModel.model_validate(await ledger.rehearse(command))

    @routes.post("/v1/transfers/linked", permission=WRITE, idempotency=KEYED)
    async def post_linked(
        body: a.LinkedBody, asker: Asker, key: RequiredKey, response: Response
    ) -> a.TransfersModel:
        """Record transfers that happen together or not at all, also across assets."""
        command = PostLinked(
            key, asker.tenant, asker.mode,
            tuple(_transfer(item, asker, "") for item in body.transfers),
        )  # fmt: skip
        done = await ledger.post_linked(command)
        _say(response, replayed=done[0].replayed)
        return a.TransfersModel(transfers=[a.TransferModel.model_validate(one) for one in done])

    @routes.post("/v1/transfers/{transfer}/reverse", permission=WRITE, idempotency=KEYED)
    async def reverse(
        transfer: str, body: a.ReasonBody, asker: Asker, key: RequiredKey, response: Response
    ) -> a.TransferModel:
        """Undo a transfer by a new one, once."""
        command = ReverseTransfer(key, asker.tenant, asker.mode, transfer, body.reason)
        done = await ledger.reverse(command)
        _say(response, replayed=done.replayed)
        return a.TransferModel.model_validate(done)

    @routes.get("/v1/transfers", permission=READ)
    async def transfers(
        asker: Asker,
        page: PageQuery,
        asset: str | None = None,
        reference: str | None = None,
        owner: str | None = None,
        account: str | None = None,
        recorded_from: datetime | None = None,
        recorded_until: datetime | None = None,
    ) -> Page[a.TransferModel]:
        """List transfers, newest first."""
        query = TransfersOf(
            asker.tenant, asker.mode, asset, reference, owner, account, recorded_from,
            recorded_until, page.limit, cursor_of(page),
        )  # fmt: skip
        found = await ledger.transfers(query)
        return Page(
            data=[a.TransferModel.model_validate(one) for one in found.transfers],
            has_more=found.has_more,
        )

    @routes.get("/v1/transfers/{transfer}", permission=READ)
    async def transfer(transfer: str, asker: Asker) -> a.TransferModel:
        """Return one transfer."""
        found = await ledger.transfer(asker.tenant, asker.mode, transfer)
        return a.TransferModel.model_validate(found)


def _holds(routes: Routes, ledger: Ledger) -> None:
    @routes.get("/v1/holds/{hold}", permission=READ)
    async def hold(hold: str, asker: Asker) -> a.HoldModel:
        """Return a hold and what remains of it."""
        return a.HoldModel.model_validate(await ledger.hold(asker.tenant, asker.mode, hold))

    @routes.post("/v1/holds/{hold}/capture", permission=WRITE, idempotency=KEYED)
    async def capture(
        hold: str, body: a.CaptureBody, asker: Asker, key: RequiredKey, response: Response
    ) -> a.TransferModel:
        """Turn held money into a transfer: all that remains, or a part."""
        command = CaptureHold(
            key, asker.tenant, asker.mode, hold, body.amount, _legs(body.to), body.reference,
            body.reason, body.metadata,
        )  # fmt: skip
        done = await ledger.capture_hold(command)
        _say(response, replayed=done.replayed)
        return a.TransferModel.model_validate(done)

    @routes.post("/v1/holds/{hold}/void", permission=WRITE, idempotency=KEYED, status=200)
    async def void(
        hold: str, body: a.ReasonBody, asker: Asker, key: RequiredKey, response: Response
    ) -> a.HoldModel:
        """Give back what remains of a hold."""
        command = VoidHold(key, asker.tenant, asker.mode, hold, body.reason)
        done = await ledger.void_hold(command)
        _say(response, replayed=done.replayed)
        return a.HoldModel.model_validate(done)


def _sums(routes: Routes, ledger: Ledger) -> None:
    @routes.get("/v1/ledgers", permission=READ)
    async def ledgers(asker: Asker) -> a.LedgersModel:
        """Return every book with the head of its chain."""
        heads = await ledger.ledgers(asker.mode)
        # A book apart is named after a group of merchants, which is nobody else's to know.
        seen = [head for head in heads if asker.tenant == PLATFORM or not head.group]
        return a.LedgersModel(data=[a.LedgerModel.model_validate(head) for head in seen])

    @routes.get("/v1/reports/trial-balance", permission=READ)
    async def trial_balance(asker: Asker, at: datetime | None = None) -> a.TrialBalanceModel:
        """Return debits and credits of every asset; over the whole book they are equal."""
        found = await ledger.trial_balance(TrialBalanceOf(asker.tenant, asker.mode, at))
        return a.TrialBalanceModel(assets=[a.AssetTrialModel.model_validate(one) for one in found])

    @routes.get("/v1/reports/{period}", permission=READ, response_model=None)
    async def report(
        period: Period,
        asker: Asker,
        on: date,
        by: Axis = Axis.RECORDED,
        form: Annotated[Form, Query(alias="format")] = Form.JSON,
    ) -> a.ReportModel | Response:
        """Return what moved in a day, ISO week or month."""
        found = await ledger.report(ReportOf(asker.tenant, asker.mode, period, on, by))
        if form is Form.CSV:
            return Response(tables.report(found), media_type=tables.MEDIA_TYPE)
        return a.ReportModel.model_validate(found)

    @routes.post("/v1/reconcile", permission=RECOMPUTE, status=200)
    async def reconcile(asker: Asker) -> a.ReconciliationModel:
        """Recompute every balance from its entries."""
        found = await ledger.reconcile(Reconcile(asker.tenant, asker.mode))
        return a.ReconciliationModel.model_validate(found)


def cursor_of(page: PageRequest) -> str | None:
    """Return where a page begins; lists of the book are read from the newest backwards only."""
    if page.ending_before is not None:
        raise Invalid("lists here go backwards: use starting_after", field="ending_before")
    return page.starting_after


def _say(response: Response, *, replayed: bool) -> None:
    """Say that an answer repeats an earlier one, as the fast lane does by itself."""
    if replayed:
        response.headers["idempotent-replayed"] = "true"


def _transfer(body: a.LinkedItemBody, asker: Actor, client_id: str) -> PostTransfer:
    return PostTransfer(
        client_id, asker.tenant, asker.mode, _legs(body.legs), body.reference, body.reason,
        body.occurred_at, body.metadata,
    )  # fmt: skip


def _legs(legs: list[a.LegModel]) -> tuple[Leg, ...]:
    return tuple(Leg(leg.account, leg.side, leg.amount) for leg in legs)

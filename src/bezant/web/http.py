"""The payer's page over HTTP: the documents, their files, and what the page alone must know."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from bezant.actor import Actor
from bezant.clock import Clock
from bezant.http.amounts import JsonMoney
from bezant.http.routes import PUBLIC, Asker, Routes
from bezant.identity.port import Identity
from bezant.money import Money
from bezant.orders.port import (
    CheckoutSession,
    ClientSecretInvalid,
    Orders,
    ReadSession,
)
from bezant.payments.port import Payment, Payments, WaysOf
from bezant.receipts.port import About, Outcome, Receipts, ReceiptsOf
from bezant.secret import Secret
from bezant.telemetry import log
from bezant.vault.port import Vault
from bezant.web import pages
from bezant.web.built import Built
from bezant.web.files import Files
from bezant.web.payers import asking

CHECKOUT: Final = "checkout"
OFFICE: Final = "office"
READ, MERCHANT_READ, RECEIPTS_READ = "checkout.read", "orders.read", "receipts.read"
REPORT_BYTES_MAX: Final = 16_384
RECEIPTS_MAX: Final = 20
ASSETS: Final = Path(__file__).parent / "assets"
STATIC_POLICY: Final = "default-src 'none'; frame-ancestors 'self'"
_log = log("web")


@dataclass(frozen=True, slots=True)
class Known:
    """Whom the page's own questions go to."""

    orders: Orders
    payments: Payments
    receipts: Receipts
    vault: Vault
    identity: Identity
    clock: Clock
    vault_url: str = ""
    """Where cards go, if the vault has an address of its own; else through our own origin."""


class PayersReceipt(BaseModel):
    """A receipt, as its payer reaches it."""

    model_config = ConfigDict(frozen=True)

    id: str
    about: About
    outcome: Outcome
    amount: JsonMoney
    decided_at: datetime
    link: str


class PayersPage(BaseModel):
    """What the payer's page shows besides the session."""

    model_config = ConfigDict(frozen=True)

    merchant: str
    now: datetime
    ways: list[str]
    paid: JsonMoney
    refunded: JsonMoney
    paid_at: datetime | None
    method: str
    card_brand: str
    card_last4: str
    receipts: list[PayersReceipt]


def routes(known: Known, built: Built | None = None) -> Routes:
    """Return the pages, their files, and what they ask."""
    made = Routes("web")
    found = built or Built()
    _add_documents(made, known, found)
    _add_inventory(made, found)
    _add_page_question(made, known)
    made.mount("/static/{file}", Files(found), permission=PUBLIC, policy=STATIC_POLICY)
    return made


def _add_documents(made: Routes, known: Known, built: Built) -> None:
    def checkout(*, framed_by: tuple[str, ...] | None = None) -> HTMLResponse:
        given = {
            "embedded": framed_by is not None,
            "vault": known.vault_url,
        }
        connects = [origin] if (origin := _origin(known.vault_url)) else []
        allowed = ["'self'", *(framed_by or ())]
        return pages.document(built, CHECKOUT, given, pages.policy(connects, allowed))

    @made.get("/checkout/{id}", permission=PUBLIC, include_in_schema=False)
    async def page(id: str) -> HTMLResponse:  # noqa: A002 - as the address has it
        del id  # The page reads it from its own address; its secret never comes here.
        return checkout()

    @made.get("/checkout/{id}/embedded", permission=PUBLIC, include_in_schema=False)
    async def embedded(id: str) -> HTMLResponse:  # noqa: A002 - as the address has it
        return checkout(framed_by=await known.orders.framed_by(id))

    @made.get("/checkout/embed.js", permission=PUBLIC, include_in_schema=False)
    async def embed() -> Response:
        headers = {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"}
        content = (ASSETS / "embed.js").read_bytes()
        return Response(content, media_type="text/javascript", headers=headers)

    @made.get("/mark.svg", permission=PUBLIC, include_in_schema=False)
    async def mark() -> Response:
        headers = {"cache-control": "public, max-age=86400"}
        content = (ASSETS / "mark.svg").read_bytes()
        return Response(content, media_type="image/svg+xml", headers=headers)

    @made.get("/office", permission=PUBLIC, include_in_schema=False)
    async def office() -> HTMLResponse:
        return pages.document(built, OFFICE, {}, pages.policy())

    @made.get("/office/{page}", permission=PUBLIC, include_in_schema=False)
    async def office_page(page: str) -> HTMLResponse:
        del page  # The office finds its own way by its address.
        return await office()

    @made.get("/office/{page}/{id}", permission=PUBLIC, include_in_schema=False)
    async def office_detail(page: str, id: str) -> HTMLResponse:  # noqa: A002 - as above
        del page, id
        return await office()

    del page, embedded, embed, mark, office_page, office_detail


def _add_inventory(made: Routes, built: Built) -> None:
    @made.get("/checkout/scripts", permission=PUBLIC, include_in_schema=False)
    async def scripts() -> HTMLResponse:
        return pages.inventory_page(pages.inventory(built, CHECKOUT))

    @made.get("/checkout/scripts.json", permission=PUBLIC, include_in_schema=False)
    async def scripts_json() -> list[dict[str, str | int]]:
        rows = pages.inventory(built, CHECKOUT)
        return [{name: _plain(value) for name, value in row.items()} for row in rows]

    @made.post(
        pages.REPORTS,
        permission=PUBLIC,
        status=204,
        accepts=("application/csp-report", "application/reports+json"),
        body_bytes_max=REPORT_BYTES_MAX,
        include_in_schema=False,
    )
    async def report(request: Request) -> Response:
        # What a browser refused to load may carry anything: only that it happened is kept.
        _log.warn("page.policy_violated", bytes=len(await request.body()))
        return Response(status_code=204)

    del scripts, scripts_json, report


def _add_page_question(made: Routes, known: Known) -> None:
    @made.get(
        "/v1/checkout_sessions/{session}/page",
        permission=READ,
        summary="What the payer's page shows besides the session",
    )
    async def page(
        session: str,
        asker: Asker,
        client_secret: Annotated[str | None, Query(max_length=200)] = None,
    ) -> PayersPage:
        pays = client_secret is not None or asker.subject == session
        if not (pays or asker.may(MERCHANT_READ)):
            raise ClientSecretInvalid("show the client secret of this session")
        secret = None if client_secret is None else Secret(client_secret)
        found = await known.orders.session(ReadSession(asker.tenant, asker.mode, session, secret))
        told = await _told(known, asker, found)
        # With its link a whole receipt is read: it is the payer's, and whose work receipts are.
        shown = pays or asker.may(RECEIPTS_READ)
        return told if shown else told.model_copy(update={"receipts": []})

    del page


async def _told(known: Known, asker: Actor, session: CheckoutSession) -> PayersPage:
    offer = session.offer
    wanted = WaysOf(asker.tenant, asker.mode, offer.amount, offer.capture)
    ways = [one.value for one in await known.payments.ways(wanted)]
    offered = [one.value for one in offer.ways] or ways
    merchant = await known.identity.merchant(asking(asker.mode), asker.tenant)
    nothing = Money(0, offer.amount.asset)
    payment: Payment | None = None
    if session.payment:
        payment = await known.payments.payment(asker.tenant, asker.mode, session.payment)
    brand, last4 = await _card(known, asker, payment)
    return PayersPage(
        merchant=merchant.name,
        now=known.clock.now(),
        ways=[one for one in offered if one in ways],
        paid=nothing if payment is None else max(payment.captured, payment.authorized),
        refunded=nothing if payment is None else payment.refunded,
        paid_at=None if payment is None else payment.updated_at,
        method=payment.method.value if payment is not None and payment.method else "",
        card_brand=brand,
        card_last4=last4,
        receipts=await _receipts(known, asker, payment),
    )


async def _card(known: Known, asker: Actor, payment: Payment | None) -> tuple[str, str]:
    if payment is None or not payment.card.startswith("card_"):
        return "", ""
    face = await known.vault.card(asker.tenant, asker.mode, payment.card)
    return face.brand, face.last4


async def _receipts(known: Known, asker: Actor, payment: Payment | None) -> list[PayersReceipt]:
    if payment is None:
        return []
    query = ReceiptsOf(asker.tenant, asker.mode, payment=payment.id, limit=RECEIPTS_MAX)
    found = await known.receipts.receipts(query)
    return [
        PayersReceipt(
            id=one.id,
            about=one.about,
            outcome=one.outcome,
            amount=one.amount,
            decided_at=one.decided_at,
            link=f"/receipts/{one.code}",
        )
        for one in found.receipts
    ]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _plain(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)

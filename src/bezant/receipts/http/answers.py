"""What the routes of receipts take and answer."""

from datetime import date, datetime

from fastapi import Response
from pydantic import BaseModel, ConfigDict

from bezant.actor import Mode
from bezant.http.amounts import JsonMoney
from bezant.http.visit import Visit
from bezant.receipts.http.paper import paper
from bezant.receipts.port import (
    EVERYTHING,
    About,
    Form,
    Outcome,
    Period,
    Receipt,
    ReceiptFile,
    Report,
    Show,
)

JSON_FILE = "application/json"
PDF = "application/pdf"
PRIVATE = {"cache-control": "private, no-store", "x-robots-tag": "noindex"}


class Answer(BaseModel):
    """An answer, made from what the port returns."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class ReceiptAnswer(Answer):
    """A receipt."""

    object: str = "receipt"
    id: str
    mode: Mode
    about: About
    outcome: Outcome
    payment: str
    refund: str
    amount: JsonMoney
    provider: str
    reference: str
    decided_at: datetime
    issued_at: datetime
    forms: list[Form]
    digest: str
    erased: bool
    link: str


class SettingsBody(BaseModel):
    """How receipts are signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Form


class SettingsAnswer(Answer):
    """How receipts are signed."""

    object: str = "receipt_settings"
    form: Form


class ErasedAnswer(Answer):
    """How many receipts nobody can open any more."""

    object: str = "erased_receipts"
    receipts: int


class ReportLineAnswer(Answer):
    """Receipts of one kind."""

    merchant: str
    about: About
    outcome: Outcome
    receipts: int
    amount: JsonMoney


class ReportAnswer(Answer):
    """A day or week that is over."""

    object: str = "receipt_report"
    period: Period
    starts_on: date
    ends_on: date
    made_at: datetime
    lines: list[ReportLineAnswer]

    @classmethod
    def of(cls, report: Report) -> "ReportAnswer":
        """Return a report as it is answered."""
        return cls.model_validate(report)


def answered(receipt: Receipt, base: str) -> ReceiptAnswer:
    """Return a receipt as it is answered."""
    shown = {name: getattr(receipt, name) for name in ReceiptAnswer.model_fields if name in _NAMES}
    return ReceiptAnswer(**shown, link=link(base, receipt.code))


def link(base: str, code: str) -> str:
    """Return the payer's link."""
    return f"{base}/receipts/{code}"


def base_of(visit: Visit, public_url: str) -> str:
    """Return what links begin with: the address that was set, or the one that was asked."""
    if public_url:
        return public_url.rstrip("/")
    scheme = "https" if visit.secure else "http"
    return f"{scheme}://{visit.headers.get(b'host', b'localhost').decode('latin-1')}"


def show_of(show: str | None) -> Show:
    """Read which fields are to be shown: all, unless some are named."""
    if show is None:
        return EVERYTHING
    return Show(everything=False, fields=tuple(name for name in show.split(",") if name))


def filed(found: ReceiptFile) -> Response:
    """Answer the file that a stranger checks."""
    headers = _kept_as(found, "receipt.json")
    return Response(found.text, media_type=JSON_FILE, headers=headers)


def printed(found: ReceiptFile, base: str) -> Response:
    """Answer the same on paper, with the file attached."""
    content = paper(found, link(base, found.code))
    return Response(content, media_type=PDF, headers=_kept_as(found, "pdf"))


def _kept_as(found: ReceiptFile, ending: str) -> dict[str, str]:
    return {**PRIVATE, "content-disposition": f'attachment; filename="{found.id}.{ending}"'}


_NAMES = frozenset(Receipt.__slots__)

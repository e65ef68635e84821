"""A customer of the bank, for tests. Its orders are written here, and answers read, by hand."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
from tests.sandbox.stand import Box, Town, town

from bezant.sandbox.bank import EVERYBODY, MERCHANT_IBAN, Bank
from bezant.sandbox.emulator import Access

REFERENCE = "RF18539007547034"
"""The example of ISO 11649."""
XML = {"content-type": "application/xml"}


def order(
    message: str,
    *transfers: tuple[str, str, str],
    version: str = "09",
    on: str = "2026-08-01",
    debtor: str = MERCHANT_IBAN,
    **header: str,
) -> bytes:
    """Write a pain.001 of transfers (end to end id, amount, account)."""
    day = f"<Dt>{on}</Dt>" if version == "09" else on
    written = "".join(
        f"<CdtTrfTxInf><PmtId><EndToEndId>{end_to_end}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="{header.get("currency", "EUR")}">{amount}</InstdAmt></Amt>'
        f"<Cdtr><Nm>Paula Payer</Nm></Cdtr><CdtrAcct><Id><IBAN>{iban}</IBAN></Id></CdtrAcct>"
        f"<RmtInf><Ustrd>Refund</Ustrd></RmtInf></CdtTrfTxInf>"
        for end_to_end, amount, iban in transfers
    )
    control = f"<CtrlSum>{header['control_sum']}</CtrlSum>" if "control_sum" in header else ""
    count = header.get("count", str(len(transfers)))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.{version}">'
        f"<CstmrCdtTrfInitn><GrpHdr><MsgId>{message}</MsgId>"
        f"<CreDtTm>2026-08-01T12:00:00Z</CreDtTm><NbOfTxs>{count}</NbOfTxs>{control}"
        "<InitgPty><Nm>Shop</Nm></InitgPty></GrpHdr>"
        "<PmtInf><PmtInfId>P1</PmtInfId><PmtMtd>TRF</PmtMtd>"
        f"<ReqdExctnDt>{day}</ReqdExctnDt><Dbtr><Nm>Shop</Nm></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{debtor}</IBAN></Id></DbtrAcct>{written}</PmtInf>"
        "</CstmrCdtTrfInitn></Document>"
    ).encode()


def read(body: bytes) -> ElementTree.Element:
    """Read a document and forget its namespace."""
    root = ElementTree.fromstring(body)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def texts(root: ElementTree.Element, path: str) -> list[str]:
    return [element.text or "" for element in root.findall(f".//{path}")]


@dataclass(frozen=True, slots=True)
class Status:
    """A pain.002 in short."""

    group: str
    reason: str
    transfers: Mapping[str, tuple[str, str]]
    """By end to end id: the status, and the reason if there is one."""


def status_of(answer: httpx2.Response) -> Status:
    root = read(answer.content)
    transfers = {
        one.findtext("OrgnlEndToEndId", ""): (
            one.findtext("TxSts", ""),
            one.findtext("StsRsnInf/Rsn/Cd", ""),
        )
        for one in root.findall(".//TxInfAndSts")
    }
    group = root.find(".//OrgnlGrpInfAndSts")
    assert group is not None
    return Status(group.findtext("GrpSts", ""), group.findtext("StsRsnInf/Rsn/Cd", ""), transfers)


@dataclass(frozen=True, slots=True)
class Line:
    """A booked entry as a statement or a notification says it."""

    id: str
    cents: int
    code: str
    reference: str
    text: str
    end_to_end: str
    reason: str
    original: str


def lines_of(root: ElementTree.Element) -> list[Line]:
    """Read the entries, with the money coming in as more than zero."""
    return [_line(entry) for entry in root.findall(".//Ntry")]


def _line(entry: ElementTree.Element) -> Line:
    whole, _, part = entry.findtext("Amt", "").partition(".")
    sign = -1 if entry.findtext("CdtDbtInd") == "DBIT" else 1
    details = entry.find("NtryDtls/TxDtls")
    assert details is not None
    assert details.findtext("Refs/AcctSvcrRef") == entry.findtext("AcctSvcrRef")
    family = entry.findtext("BkTxCd/Domn/Fmly/Cd", "")
    return Line(
        id=entry.findtext("AcctSvcrRef", ""),
        cents=sign * (int(whole) * 100 + int(part)),
        code=f"{family}/{entry.findtext('BkTxCd/Domn/Fmly/SubFmlyCd', '')}",
        reference=details.findtext("RmtInf/Strd/CdtrRefInf/Ref", ""),
        text=details.findtext("RmtInf/Ustrd", ""),
        end_to_end=details.findtext("Refs/EndToEndId", ""),
        reason=details.findtext("RtrInf/Rsn/Cd", ""),
        original=details.findtext("Refs/TxId", ""),
    )


@contextmanager
def customer_of(
    folder: Path, box: Box | None = None, access: Access = EVERYBODY
) -> Iterator["Customer"]:
    """Serve the bank for one customer."""
    with town(Bank(access), folder=folder, box=box) as here:
        here.headers["authorization"] = f"Bearer {access.secret.reveal()}"
        yield Customer(here)


@dataclass
class Customer:
    """Who holds the account, and the payers who send money to it."""

    here: Town

    def pay(self, body: bytes, request: str = "") -> httpx2.Response:
        """Give an order."""
        headers = {**XML, **({"x-request-id": request} if request else {})}
        return self.here.post("bank", "/payments", content=body, headers=headers)

    def status(self, message: str) -> Status:
        answer = self.here.get("bank", f"/payments/{message}")
        assert answer.status_code == 200
        return status_of(answer)

    def receive(self, amount: str, **more: Any) -> dict[str, str]:
        """Let a payer send money."""
        body = {"creditor_iban": MERCHANT_IBAN, "amount": amount, "reference": REFERENCE, **more}
        headers = {"authorization": "", "content-type": "application/json"}
        answer = self.here.post("bank", "/transfers", content=json.dumps(body), headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def balance(self) -> int:
        """Return what is on the account, in cents."""
        shown = self.here.get("bank", f"/accounts/{MERCHANT_IBAN}").json()
        whole, _, part = shown["balance"].partition(".")
        return int(whole) * 100 + int(part)

    def statement(self, on: date | None = None) -> ElementTree.Element:
        day = on or self.here.clock.now().date()
        answer = self.here.get("bank", f"/accounts/{MERCHANT_IBAN}/statements/{day}")
        assert answer.status_code == 200, answer.text
        return read(answer.content)

    def lines(self, on: date | None = None) -> Sequence[Line]:
        """Return what was booked on a day."""
        return lines_of(self.statement(on))

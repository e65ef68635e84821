"""Reading a pain.001: the customer's order to transfer money out of an account."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from bezant.sandbox.bank_document import Node, NotADocument, read, text_of
from bezant.sandbox.bank_numbers import bare

KINDS: Final = ("pain.001.001.09", "pain.001.001.03")
"""What the SEPA rule books of 2023 and 2009 use; banks still take both."""
TRANSFERS_MAX: Final = 500  # Of one order, so that one answer stays readable.


@dataclass(frozen=True, slots=True)
class OrderedTransfer:
    """One transfer of an order, as it was written; whether it may happen is another question."""

    end_to_end: str
    amount: str
    currency: str
    creditor: str
    iban: str
    reference: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderedBatch:
    """The transfers out of one account on one day."""

    id: str
    debtor: str
    iban: str
    requested_on: date | None
    transfers: tuple[OrderedTransfer, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """A whole pain.001."""

    kind: str
    id: str
    count: str
    control_sum: str
    batches: tuple[OrderedBatch, ...]

    def transfers(self) -> list[OrderedTransfer]:
        """Return the transfers of all batches."""
        return [transfer for batch in self.batches for transfer in batch.transfers]

    def count_fits(self) -> bool:
        """Tell whether the order has as many transfers as its header says."""
        return self.count == str(len(self.transfers()))

    def sum_fits(self) -> bool:
        """Tell whether the amounts add up to the control sum, where one is given."""
        if not self.control_sum:
            return True
        try:
            total = sum((Decimal(one.amount) for one in self.transfers()), Decimal(0))
            return total == Decimal(self.control_sum)
        except InvalidOperation:
            return False


def read_order(raw: bytes) -> Order:
    """Read an order; what cannot be read at all is `NotADocument`."""
    kind, root = read(raw)
    if kind not in KINDS:
        raise NotADocument(f"an order is one of {', '.join(KINDS)}, not {kind}")
    order = root.find("CstmrCdtTrfInitn")
    if order is None or not text_of(order, "GrpHdr/MsgId"):
        raise NotADocument("the order has no GrpHdr/MsgId")
    batches = tuple(_batch(element) for element in order.findall("PmtInf"))
    if not 1 <= sum(len(batch.transfers) for batch in batches) <= TRANSFERS_MAX:
        raise NotADocument(f"an order has 1 to {TRANSFERS_MAX} transfers")
    return Order(
        kind=kind,
        id=text_of(order, "GrpHdr/MsgId"),
        count=text_of(order, "GrpHdr/NbOfTxs"),
        control_sum=text_of(order, "GrpHdr/CtrlSum"),
        batches=batches,
    )


def _batch(element: Node) -> OrderedBatch:
    return OrderedBatch(
        id=text_of(element, "PmtInfId"),
        debtor=text_of(element, "Dbtr/Nm"),
        iban=bare(text_of(element, "DbtrAcct/Id/IBAN")),
        requested_on=_day(text_of(element, "ReqdExctnDt/Dt") or text_of(element, "ReqdExctnDt")),
        transfers=tuple(_transfer(transfer) for transfer in element.findall("CdtTrfTxInf")),
    )


def _transfer(element: Node) -> OrderedTransfer:
    amount = element.find("Amt/InstdAmt")
    return OrderedTransfer(
        end_to_end=text_of(element, "PmtId/EndToEndId"),
        amount=text_of(element, "Amt/InstdAmt"),
        currency="" if amount is None else amount.get("Ccy", ""),
        creditor=text_of(element, "Cdtr/Nm"),
        iban=bare(text_of(element, "CdtrAcct/Id/IBAN")),
        reference=bare(text_of(element, "RmtInf/Strd/CdtrRefInf/Ref")),
        text=text_of(element, "RmtInf/Ustrd"),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

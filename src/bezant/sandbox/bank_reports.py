"""Writing pain.002: how far an order is, as a whole and transfer by transfer."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bezant.sandbox.bank_account import BIC, CURRENCY, SentOrder, SentTransfer, Status, euros
from bezant.sandbox.bank_document import Node, instant, node, write

REPORTS: Final = {
    "pain.001.001.09": "pain.002.001.10",
    "pain.001.001.03": "pain.002.001.03",
}
"""Which report belongs to which order, by the SEPA rule book that names both."""


def report(order: SentOrder, created_at: datetime) -> bytes:
    """Write the report on an order as it stands."""
    kind = REPORTS[order.kind]
    agent = "BIC" if kind.endswith(".03") else "BICFI"
    return write(
        kind,
        node(
            "CstmrPmtStsRpt",
            node(
                "GrpHdr",
                node("MsgId", f"STS-{order.id[:31]}"),
                node("CreDtTm", instant(created_at)),
                node("DbtrAgt", node("FinInstnId", node(agent, BIC))),
            ),
            node(
                "OrgnlGrpInfAndSts",
                node("OrgnlMsgId", order.id),
                node("OrgnlMsgNmId", order.kind),
                node("OrgnlNbOfTxs", str(order.count)),
                node("GrpSts", order.status),
                _reason(order.reason, order.explained),
            ),
            *_batches(order),
        ),
    )


def _batches(order: SentOrder) -> Iterable[Node]:
    if order.reason:
        return
    for batch in dict.fromkeys(transfer.batch for transfer in order.transfers):
        transfers = (one for one in order.transfers if one.batch == batch)
        yield node("OrgnlPmtInfAndSts", node("OrgnlPmtInfId", batch), *map(_transfer, transfers))


def _transfer(transfer: SentTransfer) -> Node:
    return node(
        "TxInfAndSts",
        node("OrgnlEndToEndId", transfer.end_to_end or "NOTPROVIDED"),
        node("TxSts", transfer.status),
        _reason(transfer.reason, transfer.explained),
        node("AcctSvcrRef", transfer.entry) if transfer.entry else None,
        _original(transfer) if transfer.status is Status.REJECTED and transfer.minor else None,
    )


def _original(transfer: SentTransfer) -> Node:
    amount = node("InstdAmt", euros(transfer.minor), Ccy=CURRENCY)
    return node("OrgnlTxRef", node("Amt", amount))


def _reason(code: str, explained: str) -> Node | None:
    if not code:
        return None
    more = node("AddtlInf", explained) if explained else None
    return node("StsRsnInf", node("Rsn", node("Cd", code)), more)

"""Writing camt.053 (the statement of a day) and camt.054 (what was booked just now)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final

from bezant.sandbox.bank_account import BIC, CURRENCY, Account, Entry, EntryKind, euros
from bezant.sandbox.bank_document import Node, day, instant, node, several, write

STATEMENT: Final = "camt.053.001.08"
NOTIFICATION: Final = "camt.054.001.08"

# Family and sub-family within the domain of payments, from ISO's list of bank transaction codes.
_CODES: Final = {
    EntryKind.RECEIVED: ("RCDT", "ESCT"),
    EntryKind.RECEIVED_INSTANT: ("RRCT", "ESCT"),
    EntryKind.SENT: ("ICDT", "ESCT"),
    EntryKind.CAME_BACK: ("ICDT", "RRTN"),
    EntryKind.TAKEN_BACK: ("RCDT", "RRTN"),
    EntryKind.CHARGE: ("ICDT", "CHRG"),
}


def statement(
    account: Account, entries: Sequence[Entry], opening: int, on: date, created_at: datetime
) -> bytes:
    """Write the statement of one day: what was there, what was booked, what is there then."""
    closing = opening + sum(entry.minor for entry in entries)
    name = f"STMT-{account.iban[-10:]}-{on:%Y%m%d}"
    return write(
        STATEMENT,
        node(
            "BkToCstmrStmt",
            _header(name, created_at),
            node(
                "Stmt",
                node("Id", name),
                node("ElctrncSeqNb", f"{on:%y%j}"),
                node("CreDtTm", instant(created_at)),
                node(
                    "FrToDt",
                    node("FrDtTm", instant(datetime.combine(on, time.min, UTC))),
                    node("ToDtTm", instant(datetime.combine(on, time(23, 59, 59), UTC))),
                ),
                _account(account),
                _balance("OPBD", opening, on),
                _balance("CLBD", closing, on),
                _summary(entries),
                *(_entry(entry) for entry in entries),
            ),
        ),
    )


def notification(account: Account, entries: Sequence[Entry], created_at: datetime) -> bytes:
    """Write what was booked just now, before the day's statement says it again."""
    name = f"NTFCTN-{entries[-1].id}"
    return write(
        NOTIFICATION,
        node(
            "BkToCstmrDbtCdtNtfctn",
            _header(name, created_at),
            node(
                "Ntfctn",
                node("Id", name),
                node("CreDtTm", instant(created_at)),
                _account(account),
                *(_entry(entry) for entry in entries),
            ),
        ),
    )


def _header(name: str, created_at: datetime) -> Node:
    return node("GrpHdr", node("MsgId", name), node("CreDtTm", instant(created_at)))


def _account(account: Account) -> Node:
    return node(
        "Acct",
        node("Id", node("IBAN", account.iban)),
        node("Ccy", CURRENCY),
        node("Ownr", node("Nm", account.owner)),
        node("Svcr", node("FinInstnId", node("BICFI", BIC))),
    )


def _balance(code: str, minor: int, on: date) -> Node:
    return node(
        "Bal",
        node("Tp", node("CdOrPrtry", node("Cd", code))),
        *_amount(minor),
        node("Dt", day(on)),
    )


def _amount(minor: int) -> tuple[Node, Node]:
    return (
        node("Amt", euros(minor), Ccy=CURRENCY),
        node("CdtDbtInd", "DBIT" if minor < 0 else "CRDT"),
    )


def _summary(entries: Sequence[Entry]) -> Node:
    received = [entry.minor for entry in entries if entry.minor >= 0]
    paid = [entry.minor for entry in entries if entry.minor < 0]
    net = sum(received) + sum(paid)
    return node(
        "TxsSummry",
        node(
            "TtlNtries",
            node("NbOfNtries", str(len(entries))),
            node("Sum", euros(sum(received) - sum(paid))),
            node(
                "TtlNetNtry",
                node("Amt", euros(net)),
                node("CdtDbtInd", "DBIT" if net < 0 else "CRDT"),
            ),
        ),
        *(
            node(name, node("NbOfNtries", str(len(part))), node("Sum", euros(sum(part))))
            for name, part in (("TtlCdtNtries", received), ("TtlDbtNtries", paid))
        ),
    )


def _entry(entry: Entry) -> Node:
    booked_on = entry.booked_at.astimezone(UTC).date()
    return node(
        "Ntry",
        node("NtryRef", str(entry.number)),
        *_amount(entry.minor),
        node("Sts", node("Cd", "BOOK")),
        node("BookgDt", day(booked_on)),
        node("ValDt", day(booked_on)),
        node("AcctSvcrRef", entry.id),
        _code(entry.kind),
        node(
            "NtryDtls",
            node(
                "TxDtls",
                _references(entry),
                *_amount(entry.minor),
                _code(entry.kind),
                _parties(entry),
                _remittance(entry),
                _return(entry),
            ),
        ),
    )


def _code(kind: EntryKind) -> Node:
    family, sub_family = _CODES[kind]
    return node(
        "BkTxCd",
        node(
            "Domn",
            node("Cd", "PMNT"),
            node("Fmly", node("Cd", family), node("SubFmlyCd", sub_family)),
        ),
    )


def _references(entry: Entry) -> Node:
    return several(
        "Refs",
        (
            node("MsgId", entry.order) if entry.order else None,
            node("AcctSvcrRef", entry.id),
            node("PmtInfId", entry.batch) if entry.batch else None,
            node("EndToEndId", entry.end_to_end or "NOTPROVIDED"),
            # What a return gives back, or a charge is for, by the bank's own reference.
            node("TxId", entry.original) if entry.original else None,
        ),
    )


def _parties(entry: Entry) -> Node | None:
    if not entry.other_iban:
        return None
    # The other party keeps its role when a transfer comes back: it was, and is, the creditor.
    role = "Cdtr" if entry.kind in {EntryKind.SENT, EntryKind.CAME_BACK} else "Dbtr"
    return node(
        "RltdPties",
        node(role, node("Pty", node("Nm", entry.other_name or "NOTPROVIDED"))),
        node(f"{role}Acct", node("Id", node("IBAN", entry.other_iban))),
    )


def _remittance(entry: Entry) -> Node | None:
    if entry.reference:
        kind = node("Tp", node("CdOrPrtry", node("Cd", "SCOR")), node("Issr", "ISO"))
        reference = node("CdtrRefInf", kind, node("Ref", entry.reference))
        return node("RmtInf", node("Strd", reference))
    return node("RmtInf", node("Ustrd", entry.text)) if entry.text else None


def _return(entry: Entry) -> Node | None:
    return node("RtrInf", node("Rsn", node("Cd", entry.reason))) if entry.reason else None

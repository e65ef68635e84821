"""The bank's messages: orders we send (pain.001), reports on them (pain.002), and what was booked
(camt.053, camt.054). SEPA credit transfers in euro.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from bezant.money import EUR, Money
from bezant.psp.amounts import MajorUnits
from bezant.psp.charge import FollowUp
from bezant.psp.creditor_reference import reference_in
from bezant.psp.document import NotReadable
from bezant.psp.iso20022 import Node, node, read, text_of, write
from bezant.psp.news import SettlementLine

ORDER: Final = "pain.001.001.09"
UNITS: Final = MajorUnits({}, 2)
NAME_CHARACTERS_MAX: Final = 70
TEXT_CHARACTERS_MAX: Final = 140
ENTRIES_MAX: Final = 100_000
_KEY: Final = re.compile(r"att_([0-9a-f]{32})\Z")
_SPELLED: Final = re.compile(r"[0-9a-f]{32}\Z")
# SEPA's Latin letters; others become a point, as banks do it.
_NOT_SEPA: Final = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_CHARGES: Final = frozenset({"CHRG", "COMM", "FEES"})


def spelled_key(attempt: str) -> str:
    """Write our key with the 35 letters and digits that a transfer has room for."""
    found = _KEY.match(attempt)
    return found[1] if found else _NOT_SEPA.sub("-", attempt)[:35]


def key_of(text: str) -> str:
    """Read a key of ours back; empty if it is none."""
    return f"att_{text}" if _SPELLED.match(text) else ""


def order(step: FollowUp, iban: str, owner: str, now: datetime) -> bytes:
    """Order a transfer back to the payer."""
    key = spelled_key(step.attempt)
    amount = UNITS.write(step.amount)
    text = f"Refund {step.reference} {step.reason}".strip()
    header = node(
        "GrpHdr",
        node("MsgId", key),
        node("CreDtTm", now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        node("NbOfTxs", "1"),
        node("CtrlSum", amount),
        node("InitgPty", node("Nm", _plain(owner, NAME_CHARACTERS_MAX))),
    )
    transfer = node(
        "CdtTrfTxInf",
        node("PmtId", node("EndToEndId", key)),
        node("Amt", node("InstdAmt", amount, Ccy=step.amount.asset.code)),
        node("Cdtr", node("Nm", _plain(step.saved.get("name", ""), NAME_CHARACTERS_MAX))),
        node("CdtrAcct", node("Id", node("IBAN", step.saved.get("iban", "")))),
        node("RmtInf", node("Ustrd", _plain(text, TEXT_CHARACTERS_MAX))),
    )
    batch = node(
        "PmtInf",
        node("PmtInfId", key),
        node("PmtMtd", "TRF"),
        node("PmtTpInf", node("SvcLvl", node("Cd", "SEPA"))),
        node("ReqdExctnDt", node("Dt", now.astimezone(UTC).date().isoformat())),
        node("Dbtr", node("Nm", _plain(owner, NAME_CHARACTERS_MAX))),
        node("DbtrAcct", node("Id", node("IBAN", iban))),
        node("DbtrAgt", node("FinInstnId", node("Othr", node("Id", "NOTPROVIDED")))),
        node("ChrgBr", "SLEV"),
        transfer,
    )
    return write(ORDER, [node("CstmrCdtTrfInitn", header, batch)])


def report(raw: bytes) -> tuple[str, str, str]:
    """Read a pain.002 on an order of one transfer: whose it is, how far, and why not."""
    kind, root = read(raw)
    if kind != "pain.002":
        raise NotReadable("no report on an order")
    whole = root.find("CstmrPmtStsRpt/OrgnlGrpInfAndSts")
    if whole is None:
        raise NotReadable("a report on no order")
    name = text_of(whole, "OrgnlMsgId")
    one = root.find("CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts")
    about = whole if one is None else one
    status = text_of(about, "TxSts") or text_of(whole, "GrpSts")
    reason = text_of(about, "StsRsnInf/Rsn/Cd") or text_of(whole, "StsRsnInf/Rsn/Cd")
    return name, status, reason


def booked(raw: bytes, iban: str) -> Sequence[SettlementLine]:
    """Read what was booked on our account, from a statement or a notification."""
    kind, root = read(raw)
    paths = {"camt.053": "BkToCstmrStmt/Stmt", "camt.054": "BkToCstmrDbtCdtNtfctn/Ntfctn"}
    if kind not in paths:
        raise NotReadable("neither a statement nor a notification")
    found: list[SettlementLine] = []
    for part in root.iterfind(paths[kind]):
        if text_of(part, "Acct/Id/IBAN") != iban:
            raise NotReadable("a statement of another account")
        entries = part.findall("Ntry")
        if len(entries) > ENTRIES_MAX:
            raise NotReadable("too many entries")
        for number, entry in enumerate(entries, start=1):
            found += _entry(entry, number)
    return found


def message_id(raw: bytes) -> str:
    """Return the bank's name of a message."""
    return text_of(read(raw)[1], "*/GrpHdr/MsgId")


def _entry(entry: Node, number: int) -> Iterator[SettlementLine]:
    """Yield an entry's lines. It has no details, one, or one for each transfer of a batch."""
    if (text_of(entry, "Sts/Cd") or text_of(entry, "Sts")) != "BOOK":
        return
    details = entry.findall("NtryDtls/TxDtls")
    amounts = [_amount(one, entry, number) for one in details]
    whole = _amount(entry, entry, number)
    if not details:
        yield _line(entry, entry, whole, number)
        return
    if sum(amount.minor for amount in amounts) != whole.minor:
        raise NotReadable(f"entry {number}: its details do not add up to it")
    for one, amount in zip(details, amounts, strict=True):
        yield _line(one, entry, amount, number)


def _line(one: Node, entry: Node, amount: Money, number: int) -> SettlementLine:
    reference = text_of(one, "RmtInf/Strd/CdtrRefInf/Ref") or text_of(one, "RmtInf/Ustrd")
    family = text_of(entry, "BkTxCd/Domn/Fmly/Cd")
    kind = _kind(family, text_of(entry, "BkTxCd/Domn/Fmly/SubFmlyCd"), amount)
    iban = text_of(one, "RltdPties/DbtrAcct/Id/IBAN")
    name = text_of(one, "RltdPties/Dbtr/Pty/Nm") or text_of(one, "RltdPties/Dbtr/Nm")
    payer = {"iban": iban, "name": name} if iban and kind == "charge" else {}
    attempt = key_of(text_of(one, "Refs/EndToEndId"))
    entry_name = text_of(one, "Refs/AcctSvcrRef") or text_of(entry, "AcctSvcrRef")
    return SettlementLine(
        kind=kind,
        reference=reference_in(reference),
        attempt=attempt,
        gross=amount,
        fee=EUR(0),
        occurred_at=_booked_at(entry, number),
        id=entry_name,
        payer=payer,
        # A refund is known by the key of its order, money taken back by the bank's own name.
        part={"refund": spelled_key(attempt), "dispute": entry_name}.get(kind, ""),
    )


def _kind(family: str, sub_family: str, amount: Money) -> str:
    """Tell what an entry is to a book, by the bank's code of it (ISO's list, domain PMNT)."""
    received = family in {"RCDT", "RRCT"}
    if sub_family in _CHARGES:
        return "fee"
    if sub_family == "RRTN":
        # What we received goes back to the payer's bank, or what we sent comes back to us.
        return "dispute" if received else "refund"
    return "charge" if received or amount.minor > 0 else "refund"


def _amount(one: Node, entry: Node, number: int) -> Money:
    found = one.find("Amt")
    if found is None:
        found = one.find("AmtDtls/TxAmt/Amt")
    if found is None:
        found = entry.find("Amt")
    direction = text_of(one, "CdtDbtInd") or text_of(entry, "CdtDbtInd")
    if found is None or direction not in {"CRDT", "DBIT"}:
        raise NotReadable(f"entry {number}: no amount")
    amount = UNITS.read((found.text or "").strip(), found.get("Ccy", ""))
    if amount is None or amount.asset != EUR or amount.minor < 0:
        raise NotReadable(f"entry {number}: no amount in euro")
    return amount if direction == "CRDT" else -amount


def _booked_at(entry: Node, number: int) -> datetime:
    text = text_of(entry, "BookgDt/DtTm") or text_of(entry, "BookgDt/Dt")
    try:
        read_at = datetime.fromisoformat(text)
    except ValueError:
        raise NotReadable(f"entry {number}: no day") from None
    return read_at.astimezone(UTC) if read_at.tzinfo else read_at.replace(tzinfo=UTC)


def _plain(text: str, characters_max: int) -> str:
    return _NOT_SEPA.sub(".", text)[:characters_max].strip()

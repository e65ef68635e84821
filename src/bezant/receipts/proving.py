"""Puts a receipt file together: what was signed, what of it is open, and its place in the log.

The file is checked here by the very code that strangers use. What it says stands beside the file;
a file never says of itself that it is valid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from bezant.actor import Mode
from bezant.audit.port import (
    Audit,
    EventsOf,
    NothingSigned,
    PublishedKeys,
    TransparencyLog,
    UnknownEntry,
)
from bezant.receipts.receipt import Finding
from bezant.receipts.storing import QUEUE
from bezant_verify import receipt as verifier
from bezant_verify.checkpoint import ReceiptKey, Trust
from bezant_verify.jws import BadObject
from bezant_verify.merkle import BadProof
from bezant_verify.note import BadNote, VerifierKey
from bezant_verify.receipt import Lacking

FORMS_MAX: Final = 10
NOT_LOGGED: Final = "it is not in what the log signed yet: ask again in a moment"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the log committed to a receipt, with everything that shows it."""

    proof: str
    salt: bytes
    event: str


class Proving:
    """Asks the log about receipts."""

    def __init__(self, audit: Audit, log: TransparencyLog) -> None:
        self._audit = audit
        self._log = log

    async def file(
        self, receipt: str, mode: Mode, signed: str, digest: bytes, disclosures: Sequence[str]
    ) -> tuple[str, Finding]:
        """Return the file, and what the verifier says of it."""
        place = await self._place(receipt, mode, digest)
        members: dict[str, Any] = {
            "receipt": msgspec.json.decode(signed),
            "disclosures": list(disclosures),
        }
        if place is not None:
            members["proof"] = place.proof
            members["opening"] = {"salt": place.salt.hex(), "event": place.event}
        text = verifier.written(members)
        return text, _checked(text, _trust(await self._log.keys()))

    async def _place(self, receipt: str, mode: Mode, digest: bytes) -> Place | None:
        query = EventsOf("", mode, subject=receipt, feed=QUEUE, limit=FORMS_MAX)
        for one in (await self._audit.events(query)).events:
            if one.data.get("receipt") == digest.hex():
                try:
                    return Place(await self._log.inclusion(one.index), one.salt, one.event)
                except (UnknownEntry, NothingSigned):
                    return None
        return None


def _checked(text: str, trust: Trust) -> Finding:
    try:
        found = verifier.verify(text, trust)
    except Lacking:
        return Finding(valid=False, why=NOT_LOGGED)
    except (BadNote, BadProof, BadObject) as error:
        return Finding(valid=False, why=str(error))
    if found.proven is None:
        return Finding(valid=True, why="", signed_with=found.signed_with)
    believed = found.proven.believed
    return Finding(
        valid=True,
        why="",
        signed_with=found.signed_with,
        index=found.proven.index,
        origin=believed.checkpoint.origin,
        size=believed.checkpoint.size,
        witnesses=tuple(one.key.name for one in believed.witnessed),
    )


def _trust(keys: PublishedKeys) -> Trust:
    return Trust(
        keys.origin,
        tuple(VerifierKey.parse(one) for one in keys.log),
        tuple(VerifierKey.parse(one) for one in keys.witnesses),
        keys.quorum,
        tuple(ReceiptKey(one.kid, one.algorithm, one.public_key) for one in keys.receipts),
    )

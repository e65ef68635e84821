"""Payers' links: the receipt's id and a keyed hash of it, so that nobody can guess one.

Nothing of it is stored: whoever reads the database can follow no link.
"""

import re
from typing import Final
from uuid import UUID

from bezant.ids import spell
from bezant.keys.port import DeclareKey, Keys, KeySpec, Mac, Purpose
from bezant.receipts.port import UnknownReceipt
from bezant.receipts.rules import base64url
from bezant.secret import Secret

LINK: Final = "receipt-link"
PREFIX: Final = "rcp"
MAC_BYTES: Final = 18  # 144 bits: as unguessable as anything, and a link one can still read.
_CODE: Final = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{24})\Z")


class Links:
    """Makes and checks the codes that links end with."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def start(self) -> None:
        """Make the key on first use."""
        await self._keys.declare(DeclareKey(LINK, Purpose.MAC, KeySpec.HMAC256, by="receipts"))

    async def of(self, receipt: UUID) -> str:
        """Return the code of a receipt's link."""
        return _spelled(receipt, (await self._macs(receipt))[0])

    async def followed(self, code: Secret[str]) -> UUID:
        """Return the receipt that a code is of, under whichever version of the key."""
        match = _CODE.match(code.reveal())
        if match is not None:
            receipt = UUID(hex=match[1])
            for mac in await self._macs(receipt):
                if Secret(_spelled(receipt, mac)).equals(code.reveal()):
                    return receipt
        raise UnknownReceipt

    async def _macs(self, receipt: UUID) -> tuple[Mac, ...]:
        return await self._keys.macs(LINK, spell(PREFIX, receipt).encode())


def _spelled(receipt: UUID, mac: Mac) -> str:
    return f"{receipt.hex}.{base64url(mac.value[:MAC_BYTES])}"

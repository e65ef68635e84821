"""What Coinbase is told beside a charge: our names of it, and the wallet its payer let us keep."""

from typing import Final

from bezant.psp.port import Charge

CHARACTERS_MAX: Final = 100  # Of one entry, by Coinbase's own rules; no address is that long.


def metadata(charge: Charge) -> dict[str, str]:
    """Return the notes of a charge. Coinbase shows them; with which wallet to pay is the payer's
    choice.
    """
    told = {"attempt": charge.attempt, "payment": charge.payment}
    wallet = charge.saved.get("address", "")
    return {**told, "wallet": wallet} if 0 < len(wallet) <= CHARACTERS_MAX else told

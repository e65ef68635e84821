"""Signatures of time and body, `t=…,v1=…`: Stripe's scheme, which our card acquirer and our bank
emulator use as well (https://docs.stripe.com/webhooks/signature).
"""

from collections.abc import Iterable, Mapping

from bezant.actor import Mode
from bezant.psp.account import Account, Clocks
from bezant.psp.checks.ground import (
    Ground,
    demand_fitting,
    demand_signed,
    fields_of,
    header_of,
    only,
    seconds_of,
)

HEADERS = {
    "stripe": "stripe-signature",
    "card": "card-signature",
    "bank": "bank-signature",
}


class TimedSignature:
    """HMAC-SHA256 of the time, a point and the raw body; several during a rotation."""

    def __init__(self, provider: str, accounts: Iterable[Account], clocks: Clocks) -> None:
        self.provider: str = provider
        self._header = HEADERS[provider]
        self._ground = Ground(accounts, clocks)

    async def check(self, mode: Mode, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the bytes are the provider's and fresh."""
        demand_fitting(body)
        account = self._ground.account(mode)
        fields = fields_of(header_of(headers, self._header))
        time = only(fields, "t")
        signed_at = seconds_of(time)
        signatures = [value for name, value in fields if name == "v1"]
        demand_signed(account.webhook_secrets, time.encode() + b"." + body, signatures)
        self._ground.demand_fresh(account, signed_at)

"""Coinbase's signatures: `X-Hook0-Signature` today, `X-CC-Webhook-Signature` at Commerce.

https://docs.cdp.coinbase.com/webhooks/verify-signatures: `v1` covers the time, the names and values
of the headers in `h`, and the raw body; `v0` the time and the body. Commerce signs the body alone,
without a time: there the id of the event is what stops a replay, and the charge is fetched again.
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

HEADER = "x-hook0-signature"
COMMERCE_HEADER = "x-cc-webhook-signature"


class HookSignature:
    """The signature of checkouts and payment links."""

    def __init__(self, provider: str, accounts: Iterable[Account], clocks: Clocks) -> None:
        self.provider: str = provider
        self._ground = Ground(accounts, clocks)

    async def check(self, mode: Mode, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the bytes are Coinbase's and fresh."""
        demand_fitting(body)
        account = self._ground.account(mode)
        fields = fields_of(header_of(headers, HEADER))
        time = only(fields, "t")
        signed_at = seconds_of(time)
        strong = [value for name, value in fields if name == "v1"]
        if strong:
            names = only(fields, "h")
            known = {name.lower(): value for name, value in headers.items()}
            values = ".".join(known.get(name.lower(), "") for name in names.split(" "))
            signed = f"{time}.{names}.{values}.".encode() + body
        else:
            strong = [value for name, value in fields if name == "v0"]
            signed = f"{time}.".encode() + body
        demand_signed(account.webhook_secrets, signed, strong)
        self._ground.demand_fresh(account, signed_at)


class CommerceSignature:
    """The signature of Commerce: the HMAC of the raw body and nothing else."""

    def __init__(self, provider: str, accounts: Iterable[Account], clocks: Clocks) -> None:
        self.provider: str = provider
        self._ground = Ground(accounts, clocks)

    async def check(self, mode: Mode, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the bytes are Commerce's."""
        demand_fitting(body)
        account = self._ground.account(mode)
        signature = header_of(headers, COMMERCE_HEADER)
        demand_signed(account.webhook_secrets, body, [signature])

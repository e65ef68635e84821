"""Payments in a process of their own, in front of a vault elsewhere, charging cards by tokens.

Run as `python -m tests.vault.paying_program PAPERS VAULT_ADDRESS LEDGER_DSN PAYMENTS_DSN HOUR`. It
says `ready PORT`; a client sends a word and a line end: a card's token is charged, in live mode,
captured and given back in part; anything else is only remembered.
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

from tests.payments.till import CLERK, MERCHANT, Till, service_on

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.money import EUR
from bezant.payments.port import (
    CapturePayment,
    CreatePayment,
    MethodKind,
    PaymentState,
    PayWith,
    RequestRefund,
)
from bezant.psp.card import Card
from bezant.rpc.channel import Channel
from bezant.rpc.far import far
from bezant.rpc.papers import FolderIssuer
from bezant.vault.port import Vault

TOKEN = "card_"


async def charged(till: Till, token: str) -> str:
    """Take a card's money in two steps, give some back, and say how that went."""
    key = token.removeprefix(TOKEN)
    paying = PayWith(MethodKind.CARD, token)
    try:
        payment = await till.payments.create(
            CreatePayment(f"p{key}", MERCHANT, Mode.LIVE, EUR(20_00), paying, capture=False)
        )
        if payment.state is PaymentState.AUTHORIZED:
            payment = await till.payments.capture(
                CapturePayment(f"c{key}", MERCHANT, Mode.LIVE, payment.id)
            )
            await till.payments.request_refund(
                RequestRefund(f"r{key}", MERCHANT, Mode.LIVE, payment.id, CLERK, EUR(1_00))
            )
        await till.payments.attempts(MERCHANT, Mode.LIVE, payment.id)
        await till.payments.transcripts(MERCHANT, Mode.LIVE, payment.id)
    except BezantError as refusal:
        return refusal.code
    return payment.state.value


async def main() -> None:
    """Take payments until killed."""
    papers, vault, ledger, payments, hour = sys.argv[1:6]
    clock = MovableClock(datetime.fromisoformat(hour))
    channel = Channel(vault, "vault", FolderIssuer(Path(papers)))
    remembered: list[str] = []
    async with service_on(
        ledger,
        payments,
        clock,
        acquirer=far(Vault, channel),  # pyright: ignore[reportArgumentType]
        connectors={"card": Card()},
    ) as till:

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := (await reader.readline()).decode().strip():
                if line.startswith(TOKEN):
                    said = await charged(till, line)
                else:
                    remembered.append(line)
                    said = "remembered"
                writer.write(f"{said}\n".encode())
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

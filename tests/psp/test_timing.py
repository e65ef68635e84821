"""How long a forged webhook takes to refuse tells nothing about how much of it was right (T75)."""

import hashlib
import hmac
import random
import time
from datetime import UTC, datetime

import pytest
from tests.harness.welch import WELCH_MAX, compared

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.psp.account import Account, Bearer, Clocks
from bezant.psp.checks.coinbase import CommerceSignature, HookSignature
from bezant.psp.checks.timed import TimedSignature
from bezant.psp.port import BadWebhookSignature, WebhookCheck
from bezant.secret import Secret

SAMPLES = 50_000
SHARED = 40
"""Of 64 letters; the rest is never right by chance."""
SECRET = "whsec_of_this_test"
BODY = b'{"id":"evt_1","type":"charge.succeeded"}' * 10
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
STAMP = int(AT.timestamp())
TIMED = f"{STAMP}.".encode() + BODY


def right(signed: bytes) -> str:
    return hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


def checks() -> dict[str, tuple[WebhookCheck, str, str, str]]:
    """Return each check that shares a secret, its header, what stands before, and the truth."""
    clock = MovableClock(AT)
    clocks = Clocks(clock, clock)
    account = Account(
        "stripe", Mode.TEST, "https://api.stripe.com", Bearer(Secret("x")),
        webhook_secrets=(Secret(SECRET),),
    )  # fmt: skip
    stamped, of_hook = f"t={STAMP},v1=", f"{STAMP}.event.paid.".encode() + BODY
    return {
        "stripe": (
            TimedSignature("stripe", [account], clocks), "stripe-signature", stamped, right(TIMED),
        ),
        "coinbase": (
            HookSignature("coinbase", [account], clocks), "x-hook0-signature",
            f"t={STAMP},h=event,v1=", right(of_hook),
        ),
        "commerce": (
            CommerceSignature("coinbase_commerce", [account], clocks), "x-cc-webhook-signature",
            "", right(BODY),
        ),
    }  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.catalogue("T75")
@pytest.mark.parametrize("name", ["stripe", "coinbase", "commerce"])
async def test_a_nearly_right_signature_is_refused_as_fast_as_a_wholly_wrong_one(name: str) -> None:
    check, header, before, truth = checks()[name]

    async def ask(signature: str) -> None:
        headers = {header: before + signature, "event": "paid"}
        with pytest.raises(BadWebhookSignature):
            await check.check(Mode.TEST, headers, BODY)

    async def ask_a_leaking_comparison(signature: str) -> None:
        """Compare as nobody should: letter by letter until one differs."""
        for mine, theirs in zip(truth, signature, strict=True):
            if mine != theirs:
                return
            time.sleep(0)

    def guess(near: bool, chance: random.Random) -> str:
        """Return a signature that begins like the right one, or like none; both are made alike, or
        what making them leaves in the processor would be measured.
        """
        wrong = f"{chance.getrandbits(256):064x}"
        return (truth if near else wrong)[:SHARED] + wrong[SHARED:]

    await check.check(Mode.TEST, {header: before + truth, "event": "paid"}, BODY)  # The control.
    assert abs(await compared(SAMPLES, guess, ask)) < WELCH_MAX
    assert abs(await compared(SAMPLES // 10, guess, ask_a_leaking_comparison)) > WELCH_MAX

"""How long an answer takes tells nothing about how much of a guessed key was right."""

import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from statistics import fmean

import pytest
from argon2 import PasswordHasher
from tests.harness.welch import SEED, WELCH_MAX, compared, welch_of
from tests.identity.conftest import Make, Open

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.identity import (
    CredentialForm,
    Identify,
    KeyKind,
    LogIn,
    UnknownCredential,
    WrongLogin,
    rules,
)
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.secret import Secret

SAMPLES = 50_000
LOGINS = 50_000
LOGIN_DIFFERENCE_MAX = 0.05
KNOWN = "anna@example.com"
HASHER = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)  # A tenth of the real work.
Guess = Callable[[str], Awaitable[None]]


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.catalogue("T75")
async def test_a_nearly_right_key_is_refused_as_fast_as_a_wholly_wrong_one(
    make: Make, identity: IdentityService
) -> None:
    merchant = await make.merchant()
    right = (await make.key(merchant.id)).secret.reveal()

    async def ask(text: str) -> None:
        with pytest.raises(UnknownCredential):
            await identity.identify(Identify(CredentialForm.API_KEY, Secret(text)))

    async def ask_a_leaking_comparison(text: str) -> None:
        """Compare as nobody should: letter by letter until one differs."""
        for mine, theirs in zip(right, text, strict=True):
            if mine != theirs:
                return
            time.sleep(0)

    assert abs(await _welch(right, ask, SAMPLES)) < WELCH_MAX
    assert abs(await _welch(right, ask_a_leaking_comparison, SAMPLES // 10)) > WELCH_MAX


async def _welch(right: str, guess: Guess, samples: int) -> float:
    """Return Welch's t between guesses that share 26 letters with the key and that share none."""

    def text(near: bool, chance: random.Random) -> str:
        return _guess(right, 26 if near else 8, chance)

    return await compared(samples, text, guess)


def _guess(right: str, shared: int, chance: random.Random) -> str:
    """Return a key with a right checksum that begins like the right one."""
    fresh = rules.new_key_text(KeyKind.SECRET, Mode.TEST, chance.randbytes)
    return rules.with_checksum(right[:shared] + fresh[shared:-6])


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.catalogue("T75")
async def test_a_wrong_login_takes_as_long_whoever_is_known(
    open_identity: Open, clock: MovableClock, ids: Ids
) -> None:
    """Half of the tries are at somebody's address. Each waits until it may be tried at all."""
    identity = await open_identity(hasher=HASHER)
    await Make(identity, ids).member(email=KNOWN)
    ratio, welch = await _logins(identity, clock, LOGINS)
    assert abs(welch) < WELCH_MAX
    assert abs(ratio - 1) <= LOGIN_DIFFERENCE_MAX

    # The control: nobody's password is not hashed at all.
    identity._passwords._nobody = "none"
    ratio, welch = await _logins(identity, clock, LOGINS // 10)
    assert abs(welch) > WELCH_MAX


async def _logins(
    identity: IdentityService, clock: MovableClock, samples: int
) -> tuple[float, float]:
    """Return how much longer a known address takes, and Welch's t."""
    chance = random.Random(SEED)
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * samples):
        known = chance.random() < 0.5
        clock.move(timedelta(hours=25))  # No wait is left.
        command = LogIn(KNOWN if known else f"p{number}@example.com", Secret("not the right one"))
        begun = time.perf_counter()
        with pytest.raises(WrongLogin):
            await identity.log_in(command)
        seconds[known].append(time.perf_counter() - begun)
    unknown, right = (fmean(sorted(taken)[: len(taken) * 95 // 100]) for taken in seconds)
    return right / unknown, welch_of(*seconds)

"""Wrong passwords by where they come from: whoever tries one password on everybody has to wait."""

import asyncio
from datetime import timedelta

import pytest
from tests.identity.conftest import PASSWORD, Make

from bezant.clock import MovableClock
from bezant.identity import LogIn, TooManyTries, WrongLogin
from bezant.identity.rules import ADDRESS_FAILURE_LASTS, ADDRESS_FAILURES_MAX
from bezant.identity.service import IdentityService
from bezant.secret import Secret

ANNA = "anna@example.com"
HERE, THERE = "203.0.113.7", "203.0.113.8"
WRONG = Secret("not the right password")


async def tried(
    identity: IdentityService, email: str, password: Secret[str] = WRONG, address: str = HERE
) -> str:
    try:
        await identity.log_in(LogIn(email, password, address=address))
    except (WrongLogin, TooManyTries) as refusal:
        return refusal.code
    return "in"


async def use_up(identity: IdentityService, address: str = HERE) -> None:
    """Fail as often as a place may, with an address of somebody else each time."""
    for at in range(ADDRESS_FAILURES_MAX):
        assert await tried(identity, f"member{at}@example.com", address=address) == "wrong_login"


@pytest.mark.catalogue("T74")
async def test_a_place_that_failed_too_often_waits_even_with_the_right_password(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    await make.member(email=ANNA)
    await use_up(identity)
    for password in (WRONG, PASSWORD):  # Whether it would have been right is not told.
        assert await tried(identity, ANNA, password) == "too_many_tries"
    with pytest.raises(TooManyTries) as refusal:
        await identity.log_in(LogIn(ANNA, PASSWORD, address=HERE))
    wait = refusal.value.retry_after_seconds
    assert wait is not None
    assert 0 < wait <= ADDRESS_FAILURE_LASTS.total_seconds()
    assert await tried(identity, ANNA, PASSWORD, THERE) == "in"

    clock.move(timedelta(seconds=wait))
    assert await tried(identity, ANNA, PASSWORD) == "in"
    assert await tried(identity, "next@example.com") == "wrong_login"
    assert await tried(identity, "next@example.com") == "too_many_tries"
    clock.move(ADDRESS_FAILURES_MAX * ADDRESS_FAILURE_LASTS)
    await use_up(identity)


async def test_a_password_of_ones_own_buys_no_guesses(
    make: Make, identity: IdentityService
) -> None:
    await make.member(email=ANNA)
    guesses = 0
    while await tried(identity, f"member{guesses}@example.com") == "wrong_login":
        guesses += 1
        if guesses < ADDRESS_FAILURES_MAX:
            assert await tried(identity, ANNA, PASSWORD) == "in"
    assert guesses == ADDRESS_FAILURES_MAX


async def test_those_who_succeed_are_not_counted(make: Make, identity: IdentityService) -> None:
    await make.member(email=ANNA)
    for _ in range(ADDRESS_FAILURES_MAX + 5):
        assert await tried(identity, ANNA, PASSWORD) == "in"
    assert await tried(identity, ANNA) == "wrong_login"


async def test_tries_at_the_same_moment_do_not_outrun_the_count(
    identity: IdentityService,
) -> None:
    answers = await asyncio.gather(
        *(tried(identity, f"member{at}@example.com") for at in range(ADDRESS_FAILURES_MAX + 20))
    )
    assert answers.count("wrong_login") == ADDRESS_FAILURES_MAX
    assert answers.count("too_many_tries") == 20


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), ("::ffff:203.0.113.7", HERE), ("", "")],
    ids=["one customer's network", "the same in the new spelling", "those who do not say"],
)
async def test_addresses_of_one_place_are_one_place(
    identity: IdentityService, one: str, other: str
) -> None:
    await use_up(identity, one)
    assert await tried(identity, ANNA, address=other) == "too_many_tries"
    assert await tried(identity, ANNA, address="2001:db8:9::1") == "wrong_login"


async def test_what_is_over_is_forgotten(identity: IdentityService, clock: MovableClock) -> None:
    await tried(identity, ANNA)
    clock.move(ADDRESS_FAILURE_LASTS / 2)
    assert await identity.tidy() == 0
    clock.move(ADDRESS_FAILURE_LASTS)
    assert await identity.tidy() == 1

"""Logging in: one answer for every wrong login, and waiting after several."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

import psycopg
import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import PASSWORD, Make, Open, outcome, whose

from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.identity import (
    ChangePassword,
    CredentialForm,
    Identify,
    LogIn,
    LoginBusy,
    MemberInactive,
    PasswordUsedBefore,
    TooManyTries,
    WeakPassword,
    WrongLogin,
    hashing,
    rules,
)
from bezant.identity import passwords as passwords_file
from bezant.identity.hashing import NICENESS
from bezant.identity.passwords import Passwords
from bezant.identity.service import IdentityService
from bezant.secret import Secret

ANNA = "anna@example.com"
WRONG = Secret("not the right password")


async def test_a_wrong_login_tells_nothing_but_that_it_is_wrong(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    await make.member(email=ANNA)
    told: set[str] = set()

    for email, password in (
        (ANNA, WRONG),
        (ANNA, Secret("")),
        (ANNA, Secret(PASSWORD.reveal() + " ")),
        (ANNA, Secret(PASSWORD.reveal().upper())),
        (ANNA, Secret("x" * 100_000)),
        ("nobody@example.com", PASSWORD),
        ("", PASSWORD),
        ("not an address", PASSWORD),
        ("a@b\0", PASSWORD),
        ("\ud800@example.com", PASSWORD),
        (ANNA, Secret("\ud800\0")),
        ("' OR 1=1 --@example.com", PASSWORD),
    ):
        with pytest.raises(BezantError) as refusal:
            await identity.log_in(LogIn(email, password))
        told.add(f"{type(refusal.value).__name__} {refusal.value.detail} {refusal.value.facts}")
        clock.move(timedelta(minutes=1))

    assert told == {"WrongLogin E-mail address and password do not fit together. {}"}
    assert await outcome(identity, ANNA, PASSWORD) == "in"


@pytest.mark.catalogue("T74")
@pytest.mark.requirement("S002-2", part="lockout")
@pytest.mark.parametrize("email", [ANNA, "nobody@example.com"], ids=["member", "nobody"])
async def test_ten_wrong_passwords_lock_an_address_for_half_an_hour(
    make: Make, identity: IdentityService, clock: MovableClock, email: str
) -> None:
    await make.member(email=ANNA)
    answers: list[str] = []
    waits: list[float] = []
    while len(answers) < 100:
        try:
            await identity.log_in(LogIn(email, WRONG))
        except WrongLogin:
            answers.append("wrong")
        except TooManyTries as refusal:
            answers.append("wait")
            wait = refusal.retry_after_seconds
            assert wait is not None
            waits.append(wait)
            if wait > 60:
                break
            clock.move(timedelta(seconds=wait))

    assert answers.count("wrong") == 10
    assert waits == [1, 2, 4, 8, 16, 1_800]
    clock.move(timedelta(seconds=1_799))
    assert await outcome(identity, email, PASSWORD) == "too_many_tries"
    clock.move(timedelta(seconds=1))
    assert await outcome(identity, email, PASSWORD) == ("in" if email == ANNA else "wrong_login")


async def test_a_lock_grows_with_every_further_failure(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    await make.member(email=ANNA)
    assert [rules.locked_for(n) / timedelta(minutes=1) for n in (10, 11, 12, 30)] == [
        30,
        60,
        120,
        1_440,
    ]

    for _ in range(11):
        clock.move(rules.LOCK_MAX)
        assert await outcome(identity, ANNA, WRONG) == "wrong_login"
    clock.move(timedelta(minutes=59))
    assert await outcome(identity, ANNA, PASSWORD) == "too_many_tries"
    clock.move(timedelta(minutes=1))
    assert await outcome(identity, ANNA, PASSWORD) == "in"
    assert await outcome(identity, ANNA, WRONG) == "wrong_login"
    assert await outcome(identity, ANNA, PASSWORD) == "in"


@pytest.mark.catalogue("T74")
async def test_tries_at_the_same_moment_cannot_outrun_the_count(
    make: Make, open_identity: Open, identity: IdentityService
) -> None:
    await make.member(email=ANNA)
    doors = [identity, await open_identity()]

    answers = await asyncio.gather(*(outcome(doors[at % 2], ANNA, WRONG) for at in range(40)))

    # With a clock that stands still, the fifth failure makes everybody wait.
    assert answers.count("wrong_login") == 5
    assert answers.count("too_many_tries") == 35


async def test_another_address_is_not_locked_with_it(make: Make, identity: IdentityService) -> None:
    await make.member(email=ANNA)
    await make.member(email="ben@example.com")
    for _ in range(10):
        await outcome(identity, ANNA, WRONG)

    assert await outcome(identity, ANNA, PASSWORD) == "too_many_tries"
    assert await outcome(identity, "ben@example.com", PASSWORD) == "in"


@pytest.mark.catalogue("T75")
async def test_an_unknown_address_costs_as_much_work_as_a_known_one(
    open_identity: Open, make: Make
) -> None:
    hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
    passwords = Passwords(hasher)
    stored = await passwords.hash(PASSWORD)
    seconds: dict[str | None, list[float]] = {stored: [], None: [], "broken": []}
    for _ in range(7):
        for which, taken in seconds.items():
            begun = time.perf_counter()
            assert not await passwords.verify(which, WRONG)
            taken.append(time.perf_counter() - begun)

    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    known, unknown, broken = (median(taken) for taken in seconds.values())
    assert 0.5 < known / unknown < 2
    # What a shortcut would look like, were there one.
    assert broken < unknown / 20


async def test_hashing_takes_turns_and_a_long_queue_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords_file, "WAITING_MAX", 3)
    passwords = Passwords()
    at_work: list[int] = []
    working = 0

    async def hash_one() -> str:
        nonlocal working
        async with passwords.turn():
            working += 1
            at_work.append(working)
            await passwords.hash(PASSWORD)
            working -= 1
        return "hashed"

    answers = await asyncio.gather(*(hash_one() for _ in range(12)), return_exceptions=True)

    assert max(at_work) == passwords_file.AT_ONCE_MAX
    in_time = passwords_file.AT_ONCE_MAX + 3
    assert sum(isinstance(one, LoginBusy) for one in answers) == 12 - in_time
    assert answers.count("hashed") == in_time
    assert await hash_one() == "hashed"


async def test_whoever_came_first_is_first_and_nobody_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords, order, turns = Passwords(), list[int](), asyncio.Event()

    async def wait(number: int) -> None:
        async with passwords.turn():
            order.append(number)
            await turns.wait()

    first = [asyncio.create_task(wait(number)) for number in range(20)]
    await asyncio.sleep(0)
    monkeypatch.setattr(passwords_file, "WAIT_SECONDS_MAX", 0.1)
    with pytest.raises(LoginBusy) as refusal:
        await wait(99)
    assert refusal.value.retry_after_seconds

    turns.set()
    await asyncio.wait_for(asyncio.gather(*first), 60)
    assert order == list(range(20))


async def test_hashing_happens_elsewhere_behind_everybody_else_and_survives_its_end() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await passwords.hash(PASSWORD)
    for child in _workers():
        assert os.getsid(child) == child != os.getsid(0), "a session of its own"
        ours = os.getpriority(os.PRIO_PROCESS, os.getpid())
        assert os.getpriority(os.PRIO_PROCESS, child) == min(ours + NICENESS, 19)
        resting = os.sched_getscheduler(child) == os.SCHED_IDLE
        assert resting == (os.geteuid() == 0), "whoever may leave that state again is in it"
        cores = len(os.sched_getaffinity(0))
        assert len(os.sched_getaffinity(child)) == cores - cores // 2, "some are left to payments"
        os.kill(child, signal.SIGKILL)

    assert await passwords.verify(stored, PASSWORD)
    assert not await passwords.verify(stored, WRONG)


def test_who_may_not_come_back_does_not_rest() -> None:
    """As in a container: its root has no CAP_SYS_NICE, and would rest for ever."""
    without = ["setpriv", "--bounding-set", "-sys_nice"] if os.geteuid() == 0 else []
    worker = subprocess.Popen(
        [*without, sys.executable, "-P", hashing.__file__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker, worker.stdin as asked:
        asked.write(b'["verify", "no hash", "a password"]\n')
        asked.flush()
        assert worker.stdout.readline() == b'"does not"\n'
        assert os.sched_getscheduler(worker.pid) == os.SCHED_OTHER


async def test_whoever_cannot_be_hashed_for_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await passwords.hash(PASSWORD)
    with monkeypatch.context() as patch:
        patch.setattr(hashing, "__file__", os.devnull)
        for child in _workers():
            os.kill(child, signal.SIGKILL)
        with pytest.raises(LoginBusy):
            await passwords.verify(stored, PASSWORD)

    assert await passwords.verify(stored, PASSWORD)


def _workers() -> list[int]:
    """Return the processes that hash for this one."""
    tasks = Path("/proc/self/task").glob("*/children")
    children = [int(one) for task in tasks for one in task.read_text().split()]
    found = [one for one in children if "hashing.py" in Path(f"/proc/{one}/cmdline").read_text()]
    assert 0 < len(found) <= passwords_file.AT_ONCE_MAX
    return found


async def test_who_gives_up_waiting_leaves_no_turn_behind() -> None:
    passwords = Passwords()

    async def hash_one() -> None:
        async with passwords.turn():
            await passwords.hash(PASSWORD)

    for _ in range(3):
        tasks = [asyncio.create_task(hash_one()) for _ in range(6)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    await asyncio.wait_for(hash_one(), 60)


async def test_a_changed_password_ends_every_session(make: Make, identity: IdentityService) -> None:
    await make.member(email=ANNA)
    sessions = [await identity.log_in(LogIn(ANNA, PASSWORD)) for _ in range(2)]
    actor = (await identity.identify(Identify(CredentialForm.SESSION, sessions[0].token))).actor
    new = Secret("an entirely new phrase")

    with pytest.raises(WrongLogin):
        await identity.change_password(ChangePassword(actor, WRONG, new))
    await identity.change_password(ChangePassword(actor, PASSWORD, new))

    assert [await whose(identity, one.token) for one in sessions] == [None, None]
    assert await outcome(identity, ANNA, PASSWORD) == "wrong_login"
    assert await outcome(identity, ANNA, new) == "in"


async def test_none_of_the_last_four_passwords_comes_back(
    make: Make, identity: IdentityService
) -> None:
    member = await make.member(email=ANNA)
    actor = (await make.session()).actor
    actor = type(actor)(
        actor.caller, member.id, actor.tenant, actor.mode, actor.permissions, actor.role
    )
    used = [PASSWORD, *(Secret(f"phrase of the year {year}") for year in range(4))]
    for before, after in itertools.pairwise(used):
        await identity.change_password(ChangePassword(actor, before, after))

    for one in used[1:]:
        with pytest.raises(PasswordUsedBefore):
            await identity.change_password(ChangePassword(actor, used[-1], one))
    await identity.change_password(ChangePassword(actor, used[-1], PASSWORD))


@pytest.mark.requirement("S002-2", part="password rules")
@pytest.mark.parametrize(
    "password",
    [
        "",
        "short one",
        "elevenchars",
        "aaaaaaaaaaaaaaa",
        "abababababababab",
        "ChangeMe123!",
        "x" * 300,
        "anna-example1",
        "SECURE-password",
    ],
)
async def test_easy_passwords_are_refused(
    make: Make, identity: IdentityService, password: str
) -> None:
    with pytest.raises(WeakPassword):
        await make.member(email=ANNA, password=Secret(password))

    assert await outcome(identity, ANNA, Secret(password)) == "wrong_login"


async def test_a_password_is_the_same_on_every_keyboard(
    make: Make, identity: IdentityService
) -> None:
    await make.member(email=ANNA, password=Secret("cafe\u0301 au lait \u2460\u2461\u2462"))

    assert await outcome(identity, ANNA, Secret("caf\u00e9 au lait 123")) == "in"


async def test_who_did_not_come_for_three_months_needs_a_new_invitation(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    await make.member(email=ANNA)
    clock.move(timedelta(days=90))
    assert await outcome(identity, ANNA, PASSWORD) == "in"
    clock.move(timedelta(days=90, seconds=1))

    with pytest.raises(MemberInactive):
        await identity.log_in(LogIn(ANNA, PASSWORD))
    assert await outcome(identity, ANNA, WRONG) == "wrong_login"
    await make.member(email=ANNA)

    assert await outcome(identity, ANNA, PASSWORD) == "in"


async def test_hashes_made_with_weaker_parameters_are_replaced_at_login(
    make: Make, open_identity: Open, identity_database: TestDatabase
) -> None:
    await make.member(email=ANNA)
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = await open_identity(hasher=stronger)

    assert await outcome(later, ANNA, PASSWORD) == "in"
    assert await outcome(later, ANNA, PASSWORD) == "in"

    with psycopg.connect(identity_database.administrator_dsn) as connection:
        hashes = connection.execute("SELECT hash FROM identity.password ORDER BY id").fetchall()
    assert [row[0][:26] for row in hashes] == [
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=16,t=2,p=",
    ]

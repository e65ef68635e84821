"""Keys that are replaced by themselves: shown, begun, retired, destroyed; by the clock, once."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.keys.conftest import OpenKeys

from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.keys import (
    KEY_ENCRYPTION_KEY,
    BadSignature,
    DeclareKey,
    KeyPlan,
    KeySpec,
    KeyState,
    PlanKey,
    Purpose,
    RotateKey,
    Sealed,
    Signature,
    UnknownKey,
)
from bezant.keys.service import KeysService

DAY = timedelta(days=1)
TOKENS = DeclareKey("vault-token", Purpose.SEAL, KeySpec.AES256, by="test", wrapped=True)
LOG = DeclareKey("audit-log", Purpose.SIGN, KeySpec.ED25519, by="test")
JWT = DeclareKey(
    "token-signing", Purpose.SIGN, KeySpec.P256, by="test", rotate_days=30, publish_seconds=86_400
)


async def states(keys: KeysService, name: str) -> list[KeyState]:
    return [row.state for row in await keys.inventory() if row.name == name]


@pytest.mark.requirement("S004-5", part="keys rotate on schedule without a human")
@pytest.mark.requirement("S000-15", part="keys rotate by themselves")
async def test_a_signing_key_is_shown_before_it_signs_and_its_predecessor_still_verifies(
    keys: KeysService, clock: MovableClock
) -> None:
    first = await keys.declare(JWT)
    old = await keys.sign(JWT.name, b"a token")
    assert first.not_after == clock.now() + 30 * DAY

    clock.move(28 * DAY)
    assert await keys.schedule.run_due() == 0
    clock.move(1 * DAY)
    assert await keys.schedule.run_due() == 1
    published = await keys.public_keys(JWT.name)
    still = await keys.sign(JWT.name, b"another")
    assert [one.state for one in published] == [KeyState.PENDING, KeyState.ACTIVE]
    assert still.kid == first.kid
    assert await keys.schedule.run_due() == 0

    clock.move(1 * DAY)
    assert await keys.schedule.run_due() == 1
    new = await keys.sign(JWT.name, b"a third")

    assert new.kid == published[0].kid
    assert await states(keys, JWT.name) == [KeyState.VERIFY_ONLY, KeyState.ACTIVE]
    for message, signature in ((b"a token", old), (b"another", still), (b"a third", new)):
        await keys.verify(message, signature)
    (retired, active) = [row for row in await keys.inventory() if row.name == JWT.name]
    assert retired.not_after == active.not_before == clock.now()
    by = {(step.by, step.reason) for step in await keys.history(JWT.name)}
    assert by == {("test", "declared"), ("schedule", "as planned")}


async def test_a_pending_version_does_no_work_and_vouches_for_nothing(
    keys: KeysService, clock: MovableClock
) -> None:
    await keys.declare(JWT)
    active = await keys.sign(JWT.name, b"x")
    waiting = await keys.rotate(RotateKey(JWT.name, by="test", publish_seconds=3_600))
    again = await keys.rotate(RotateKey(JWT.name, by="test", publish_seconds=3_600))

    assert waiting.state is KeyState.PENDING
    assert again == waiting
    assert (await keys.sign(JWT.name, b"x")).kid == active.kid
    with pytest.raises(BadSignature):
        await keys.verify(b"x", Signature(waiting.kid, active.algorithm, active.value))

    begun = await keys.rotate(RotateKey(JWT.name, by="test", reason="at once"))

    assert begun.kid == waiting.kid
    assert (await keys.sign(JWT.name, b"x")).kid == waiting.kid
    assert await states(keys, JWT.name) == [KeyState.VERIFY_ONLY, KeyState.ACTIVE]


async def test_what_seals_is_replaced_every_ninety_days_and_a_log_key_never(
    keys: KeysService, clock: MovableClock
) -> None:
    await keys.declare(TOKENS)
    await keys.declare(LOG)
    sealed = [await keys.seal(TOKENS.name, b"4242", b"")]

    for _ in range(8):
        clock.move(90 * DAY)
        await keys.schedule.run_due()
        sealed.append(await keys.seal(TOKENS.name, b"4242", b""))

    assert len({one.kid for one in sealed}) == 9
    assert [await keys.open(one, b"") for one in sealed] == [b"4242"] * 9
    assert await states(keys, LOG.name) == [KeyState.ACTIVE]
    # The key-encryption key was replaced, too, and every data key lies under the newest.
    above = [row for row in await keys.inventory() if row.name == KEY_ENCRYPTION_KEY]
    assert len(above) == 2
    wrapped = {row.provider for row in await keys.inventory() if row.wrapped}
    assert wrapped == {above[-1].kid}


async def test_of_many_processes_that_look_at_once_one_rotates(
    keys: KeysService, open_keys: OpenKeys, clock: MovableClock
) -> None:
    await keys.declare(TOKENS)
    await keys.declare(JWT)
    rooms = [keys, *[await open_keys() for _ in range(3)]]

    clock.move(90 * DAY)
    await asyncio.gather(*(room.schedule.run_due() for room in rooms * 2))
    assert await states(keys, TOKENS.name) == [KeyState.DECRYPT_ONLY, KeyState.ACTIVE]
    assert await states(keys, JWT.name) == [KeyState.ACTIVE, KeyState.PENDING]
    clock.move(1 * DAY)
    await asyncio.gather(*(room.schedule.run_due() for room in rooms * 2))

    assert await states(keys, JWT.name) == [KeyState.VERIFY_ONLY, KeyState.ACTIVE]


async def test_a_plan_is_changed_told_and_destroys_what_verifies_no_longer(
    keys: KeysService, clock: MovableClock
) -> None:
    await keys.declare(JWT)
    plan = KeyPlan(JWT.name, rotate_days=7, publish_seconds=0, destroy_days=2)

    assert await keys.plan(PlanKey(plan, by="mem_anna")) == plan
    assert plan in await keys.plans()
    clock.move(7 * DAY)
    await keys.schedule.run_due()
    assert await states(keys, JWT.name) == [KeyState.VERIFY_ONLY, KeyState.ACTIVE]
    clock.move(2 * DAY)
    await keys.schedule.run_due()

    assert await states(keys, JWT.name) == [KeyState.DESTROYED, KeyState.ACTIVE]


@pytest.mark.parametrize(
    ("command", "plan"),
    [
        (JWT, KeyPlan("token-signing", -1, 0, 0)),
        (JWT, KeyPlan("token-signing", 4_000, 0, 0)),
        (JWT, KeyPlan("token-signing", 1, 86_400, 0)),
        (TOKENS, KeyPlan("vault-token", 90, 0, 30)),
    ],
)
async def test_a_plan_out_of_bounds_or_that_destroys_what_is_needed_is_refused(
    keys: KeysService, command: DeclareKey, plan: KeyPlan
) -> None:
    await keys.declare(command)
    before = await keys.plans()

    with pytest.raises(Invalid):
        await keys.plan(PlanKey(plan, by="test"))
    with pytest.raises(UnknownKey):
        await keys.plan(PlanKey(KeyPlan("nobody", 1, 0, 0), by="test"))

    assert await keys.plans() == before


@pytest.mark.requirement("S000-15", part="every step of a key is an event")
async def test_every_step_is_an_event_in_the_transaction_that_took_it(
    keys: KeysService, keys_database: TestDatabase, clock: MovableClock
) -> None:
    await keys.declare(JWT)
    await keys.plan(PlanKey(KeyPlan(JWT.name, 7, 0, 1), by="mem_anna"))
    await keys.rotate(RotateKey(JWT.name, by="mem_ben", reason="leaked"))

    with psycopg.connect(keys_database.administrator_dsn) as connection:
        told = connection.execute(
            "SELECT type, data ->> 'kid', data ->> 'after', data ->> 'by' FROM keys.event "
            "ORDER BY ticket"
        ).fetchall()
        steps = connection.execute(
            "SELECT kid, state_after, made_by FROM keys.key_transition ORDER BY id"
        ).fetchall()

    assert [row[1:] for row in told if row[0] == "key.transition"] == steps
    assert ("key.planned", None, None, "mem_anna") in told
    assert len(steps) == 7  # Of the key-encryption key two, of this one five.


async def test_a_step_that_is_refused_tells_nothing(
    keys: KeysService, keys_database: TestDatabase
) -> None:
    await keys.declare(JWT)
    count = "SELECT count(*) FROM keys.event"
    with psycopg.connect(keys_database.administrator_dsn) as connection:
        before = connection.execute(count).fetchone()
    with psycopg.connect(
        keys_database.dsn("bezant_keys", MODULE_PASSWORD), autocommit=True
    ) as role, pytest.raises(psycopg.errors.InsufficientPrivilege):  # fmt: skip
        role.execute("DELETE FROM keys.event")

    with pytest.raises(Invalid):
        await keys.plan(PlanKey(KeyPlan(JWT.name, -1, 0, 0), by="test"))

    with psycopg.connect(keys_database.administrator_dsn) as connection:
        assert connection.execute(count).fetchone() == before


async def test_an_envelope_of_another_kind_of_kid_opens_nothing(keys: KeysService) -> None:
    await keys.declare(TOKENS)
    sealed = await keys.seal(TOKENS.name, b"x", b"")
    for kid in ("vault-token-m202611-0123456789abcdef", "\0", "x" * 90):
        with pytest.raises(Exception, match="cannot be opened"):
            await keys.open(Sealed(1, kid, sealed.algorithm, sealed.iv, sealed.ciphertext), b"")

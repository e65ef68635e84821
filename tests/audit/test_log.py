"""The log: every event once, in an order that is signed; proofs of it; what stops signatures."""

import asyncio
import json
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from tests.audit.stand import MERCHANT, ORIGIN, STRANGER, Stand, assembled

from bezant.actor import Mode
from bezant.audit import EventsOf, LogBroken, NothingSigned, UnknownEntry, UnknownTile
from bezant.audit.spelling import spelled
from bezant.audit.writer import Overtaken, edge
from bezant.events import FedEvent
from bezant_verify import log, proof
from bezant_verify.checkpoint import Trust, believed
from bezant_verify.merkle import leaf_hash, root_of, verify_consistency
from bezant_verify.tiles import Folder

SIZES = (1, 2, 3, 7, 255, 256, 257, 511, 600)


async def trust_of(stand: Stand) -> Trust:
    return Trust.parse(spelled(await stand.log.keys()))


async def recorded(stand: Stand, *sizes: int) -> list[str]:
    """Let the log grow to each of these sizes and return what was signed there."""
    notes: list[str] = []
    for size in sizes:
        stand.payments.tell(size - len(stand.payments.events))
        await stand.record()
        stand.log._signed = None
        notes.append(await stand.log.checkpoint())
    return notes


async def test_an_empty_log_has_signed_nothing(stand: Stand):
    await stand.record()
    for ask in (
        stand.log.checkpoint(), stand.log.inclusion(0), stand.log.tile(0, 0, 1),
        stand.log.bundle(0, 1), stand.log.consistency(0, 0),
    ):  # fmt: skip
        with pytest.raises(NothingSigned):
            await ask
    assert (await stand.log.integrity()).signed_size == 0


async def test_every_entry_of_every_size_is_proven_to_a_stranger(stand: Stand):
    notes = await recorded(stand, *SIZES)
    trust = await trust_of(stand)
    roots = {
        found.size: found.root for found in (believed(note, trust).checkpoint for note in notes)
    }
    assert tuple(roots) == SIZES
    leaves = b"".join(
        leaf_hash(bytes(row[0]))  # pyright: ignore[reportArgumentType]
        for row in stand.rows("SELECT entry FROM audit.entry ORDER BY leaf")
    )
    for size, root in roots.items():
        assert root_of(leaves[: size * 32]) == root
    for index in range(SIZES[-1]):
        read = proof.LogProof.parse(await stand.log.inclusion(index))
        assert proof.verify(read, trust).entry.position == index + 1
    for old, before in roots.items():
        for size, root in roots.items():
            if old <= size:
                path = (await stand.log.consistency(old, size)).path
                verify_consistency(old, before, size, root, path)


async def test_an_opening_shows_what_was_committed_to_and_nothing_else_does(stand: Stand):
    stand.payments.tell(3, reference="for Ada")
    await stand.record()
    text = await stand.log.inclusion(1)
    proven = proof.verify(proof.LogProof.parse(text), await trust_of(stand))
    opened = await stand.audit.event(MERCHANT, Mode.TEST, 1)
    shown = proof.opened(proven.entry, proof.Opening(opened.salt, opened.event))
    assert shown["data"] == opened.data
    assert shown["data"]["reference"] == "for Ada"
    other = await stand.audit.event(MERCHANT, Mode.TEST, 2)
    for salt, event in ((other.salt, opened.event), (opened.salt, other.event)):
        with pytest.raises(proof.BadProof):
            proof.opened(proven.entry, proof.Opening(salt, event))
    assert await stand.audit.event("", Mode.TEST, 1) == opened
    for tenant, mode in ((STRANGER, Mode.TEST), (MERCHANT, Mode.LIVE)):
        with pytest.raises(UnknownEntry):
            await stand.audit.event(tenant, mode, 1)


async def test_what_is_erased_is_gone_and_every_proof_still_holds(stand: Stand, tmp_path: Path):
    stand.payments.tell(2, subject="cus_ada", name="Ada Lovelace")
    stand.payments.tell(2, subject="cus_bob", name="Bob")
    await stand.record()
    before = await stand.log.inclusion(0)
    assert await stand.audit.forget(STRANGER, ("cus_ada",)) == 0
    assert await stand.audit.forget(MERCHANT, ("cus_ada",)) == 2
    with pytest.raises(UnknownEntry):
        await stand.audit.event(MERCHANT, Mode.TEST, 0)
    assert (await stand.audit.event(MERCHANT, Mode.TEST, 2)).data["name"] == "Bob"
    everything = "".join(
        str(stand.rows(f"SELECT t::text FROM audit.{table} AS t"))
        for table in ("entry", "opening", "tile", "checkpoint")
    )
    assert "Bob" in everything
    assert "Ada" not in everything
    trust = await trust_of(stand)
    assert proof.verify(proof.LogProof.parse(before), trust).index == 0
    assert await stand.log.inclusion(0) == before
    await stand.log.export(tmp_path / "log")
    assert log.verify(Folder(tmp_path / "log"), trust).head.checkpoint.size == 4
    public = b"".join(path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file())
    assert b"Ada" not in public
    assert b"Bob" not in public


async def test_a_feed_is_followed_once_whoever_follows_it(stand: Stand):
    stand.payments.tell(1_200)
    stand.ledger.tell_batch("book_1", 1, "aa" * 32)
    stand.ledger.tell_batch("book_1", 2, "bb" * 32)
    other = type(stand.following)(
        stand.database, type(stand.writer)(stand.database, stand.clock, lambda n: b"s" * n),
        stand.following._nudges, {"payments": stand.payments, "ledger": stand.ledger},
    )  # fmt: skip
    for _ in range(4):
        await asyncio.gather(
            stand.following.step("payments"), other.step("payments"),
            stand.following.step("ledger"), other.step("ledger"),
        )  # fmt: skip
    await stand.record()
    found = stand.rows("SELECT feed, count(*), max(position) FROM audit.opening GROUP BY feed")
    assert sorted(found) == [("ledger", 2, 2), ("payments", 1_200, 1_200)]
    first = stand.payments.events[0]
    with pytest.raises(Overtaken):
        await stand.writer.follow("payments", [FedEvent(1, first)])
    integrity = await stand.log.integrity()
    assert integrity.size == integrity.signed_size == 1_202
    assert [(one.book, one.batch, one.hash) for one in integrity.chain_heads] == [
        ("book_1", 2, "bb" * 32)
    ]
    root = (await stand.writer.head())[1]
    async with stand.database.transaction() as tx:
        assert (await edge(tx, 1_202)).root() == root


async def test_a_restart_goes_on_where_the_log_was(stand: Stand, tmp_path: Path):
    from contextlib import AsyncExitStack

    await recorded(stand, 300)
    async with AsyncExitStack() as stack:
        again = await assembled(stack, stand.server, stand.clock, tmp_path, origin="another/name")
        again.payments.events = [*stand.payments.events]
        again.payments.tell(10)
        await again.record()
        trust = await trust_of(again)
        assert trust.origin == ORIGIN, "a log keeps the name it began with"
        assert believed(await again.log.checkpoint(), trust).checkpoint.size == 310


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM audit.entry WHERE leaf >= 600",
        "UPDATE audit.entry SET entry = entry || '!' WHERE leaf = 602",
        "UPDATE audit.tile SET root = sha256('forged') WHERE level = 0 AND number = 1",
        "DELETE FROM audit.tile WHERE level = 0 AND number = 1",
        "UPDATE audit.checkpoint SET root = sha256('forged')",
    ],
)
async def test_nothing_is_signed_that_does_not_continue_what_was_signed(
    stand: Stand, tmp_path: Path, change: str
):
    from contextlib import AsyncExitStack

    await recorded(stand, 605)
    stand.sql(change)
    async with AsyncExitStack() as stack:
        with pytest.raises(LogBroken):
            again = await assembled(stack, stand.server, stand.clock, tmp_path)
            again.payments.events = [*stand.payments.events]
            again.payments.tell(200)
            await again.record()
    assert stand.rows("SELECT max(size) FROM audit.checkpoint") == [(605,)]


async def test_the_log_is_read_again_and_its_state_is_shown(stand: Stand):
    await recorded(stand, 300, 700, 1_000)
    done = await stand.log.recheck()
    assert (done.subject, done.reached, done.fault) == ("log", 1_000, "")
    stand.clock.move(timedelta(hours=1))
    stand.sql("UPDATE audit.tile SET root = sha256('x') WHERE number = 2")
    assert (await stand.log.recheck()).fault == "tile 2 of level 0 is not that of 512 on"
    stand.sql("UPDATE audit.entry SET entry = sha256('x') || sha256('y') WHERE leaf = 520")
    assert (await stand.log.recheck()).fault == (
        "the entries do not give the root of 700 that was signed"
    )
    stand.sql("DELETE FROM audit.entry WHERE leaf = 300")
    assert (await stand.log.recheck()).fault == "entry 300 is missing"
    found = (await stand.log.integrity()).verifications
    assert [(one.subject, one.reached, one.fault) for one in found] == [
        ("log", 300, "entry 300 is missing")
    ]
    assert found[0].verified_at == stand.clock.now()


async def test_only_what_is_signed_is_shown(stand: Stand):
    await recorded(stand, 300)
    stand.payments.tell(20)
    await stand.following.step("payments")
    assert len(await stand.log.tile(0, 1, 44)) == 44 * 32
    for level, number, width in (
        (0, 1, 45),
        (0, 1, 256),
        (0, 2, 1),
        (1, 0, 2),
        (2, 0, 1),
        (9, 0, 1),
    ):
        with pytest.raises(UnknownTile):
            await stand.log.tile(level, number, width)
    with pytest.raises(UnknownTile):
        await stand.log.bundle(1, 45)
    with pytest.raises(UnknownEntry):
        await stand.log.inclusion(300)


async def test_the_module_can_add_and_read_and_not_change(stand: Stand):
    await recorded(stand, 2)
    for statement in (
        "UPDATE audit.entry SET entry = entry", "DELETE FROM audit.entry",
        "UPDATE audit.opening SET event = event", "UPDATE audit.tile SET root = root",
        "DELETE FROM audit.tile", "UPDATE audit.checkpoint SET note = note",
        "UPDATE audit.cosignature SET line = line", "DELETE FROM audit.cosignature",
        "DELETE FROM audit.verification", "TRUNCATE audit.entry", "DELETE FROM audit.log",
    ):  # fmt: skip
        with pytest.raises(Exception, match="denied"):
            async with stand.database.transaction() as tx:
                await tx.execute(statement)  # pyright: ignore[reportArgumentType]


async def test_old_checkpoints_are_thinned_and_the_last_of_each_hour_stays(stand: Stand):
    for minutes in range(0, 180, 20):
        await recorded(stand, minutes + 1)
        stand.clock.move(timedelta(minutes=20))
    stand.clock.move(timedelta(days=1))
    await recorded(stand, 200)
    assert await stand.publisher.thin() == 6
    kept = [row[0] for row in stand.rows("SELECT size FROM audit.checkpoint ORDER BY size")]
    assert kept == [41, 101, 161, 200]
    assert (await stand.log.recheck()).fault == ""


async def test_auditors_search_what_was_recorded(stand: Stand):
    stand.payments.tell(3, subject="pay_1", note="100% sure")
    stand.clock.move(timedelta(hours=1))
    stand.payments.tell(2, tenant=STRANGER, subject="pay_2")
    stand.ledger.tell_batch("book_1", 1, "cc" * 32)
    await stand.record()

    async def found(tenant: str = MERCHANT, **query: object) -> list[int]:
        page = await stand.audit.events(EventsOf(tenant, Mode.TEST, **query))  # pyright: ignore[reportArgumentType]
        return [one.index for one in page.events]

    assert await found() == [2, 1, 0]
    assert await found("") == [5, 4, 3, 2, 1, 0]
    assert await found("", feed="ledger") == [5]
    assert await found("", type="transfers.recorded", subject="book_1") == [5]
    assert await found("", subject="pay_2") == [4, 3]
    assert await found(text="100% sure") == [2, 1, 0]
    assert await found(text="100_") == []
    assert await found(before=2, limit=1) == [1]
    later = stand.clock.now() - timedelta(minutes=1)
    assert await found("", since=later) == [5, 4, 3]
    assert await found("", until=later) == [2, 1, 0]
    assert await found(STRANGER, before=0) == []


async def test_a_rotated_key_signs_on_and_the_old_one_still_verifies(stand: Stand):
    from bezant.audit.signing import NAMES
    from bezant.keys.port import RotateKey

    (before,) = await recorded(stand, 5)
    for name in NAMES:
        await stand.keys.rotate(RotateKey(name, "tests"))
    (after,) = await recorded(stand, 9)
    trust = await trust_of(stand)
    assert len(trust.log) == 4
    assert believed(before, trust).checkpoint.size == 5
    assert believed(after, trust).checkpoint.size == 9
    assert json.loads(spelled(await stand.log.keys()))["origin"] == ORIGIN


async def test_what_is_written_is_what_the_page_says(stand: Stand):
    """Nothing of ours encodes here: docs/concepts/transparency-log.md does, by hand."""
    stand.payments.tell(1, subject="pay_1")
    await stand.record()
    ((written, hashed, salt, event),) = stand.rows(
        "SELECT e.entry, e.hash, o.salt, o.event FROM audit.entry AS e"
        " JOIN audit.opening AS o ON o.leaf = e.leaf"
    )
    assert isinstance(event, str)
    opening = b"bezant audit opening 1\n" + bytes(salt) + event.encode()  # pyright: ignore
    expected = (
        b"\x01"
        b"\x08payments"
        b"\x00\x00\x00\x00\x00\x00\x00\x01"
        b"\x10payment.captured" + bytes.fromhex("0002eef3fa773000") + sha256(opening).digest()
    )
    assert bytes(written) == expected  # pyright: ignore
    assert bytes(hashed) == sha256(b"\x00" + expected).digest()  # pyright: ignore
    root = b64encode(sha256(b"\x00" + expected).digest()).decode()
    assert (await stand.log.checkpoint()).startswith(f"{ORIGIN}\n1\n{root}\n\n— {ORIGIN} ")
    assert len(salt) == 32  # pyright: ignore
    assert json.loads(event)["subject"] == "pay_1"

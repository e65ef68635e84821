"""What an operator could do to the log in SQL, and that a stranger names where it began."""

import json
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.audit.stand import MERCHANT, STRANGER, Stand
from tests.audit.witnessing import desk_of

from bezant.audit.spelling import spelled
from bezant.audit.store import checkpoints
from bezant.audit.store.checkpoints import CosignatureRow
from bezant.audit.tree import Tree
from bezant_verify import answers, entry, note, tiles
from bezant_verify.checkpoint import Checkpoint, Trust
from bezant_verify.merkle import leaf_hash

SIZES = (300, 600, 900, 1_200)
END = 1_300
TABLES = ("entry", "tile", "checkpoint", "cosignature")
POSITIONS = (0, 255, 256, 777, 1_150)
AT_THE_EDGE = 1_290


@dataclass
class Case:
    """A log that was witnessed, what was kept of it, and ways to change it."""

    stand: Stand
    folder: Path
    entries: list[bytes]
    owners: list[str]
    """Of each entry: its feed, and whose it is."""
    kept: dict[int, Path]
    """A file with the witnessed checkpoint of each size."""

    def restore(self) -> None:
        self.stand.sql(
            "TRUNCATE audit.cosignature, audit.checkpoint, audit.tile, audit.entry",
            *(f"INSERT INTO audit.{one} SELECT * FROM public.{one}" for one in TABLES),
        )

    def write(self, entries: list[bytes]) -> None:
        """Put other entries into the table, and leave everything else as it is."""
        values = ", ".join(
            f"({at}, '\\x{one.hex()}', '\\x{leaf_hash(one).hex()}')"
            for at, one in enumerate(entries)
        )
        self.stand.sql(
            "DELETE FROM audit.entry",
            f"INSERT INTO audit.entry (leaf, entry, hash) VALUES {values}",
        )

    async def rewrite(self, entries: list[bytes]) -> None:
        """Rewrite entries, tiles and checkpoint, signed with the log's own keys."""
        self.write(entries)
        tree = Tree()
        full = tree.extend(b"".join(map(leaf_hash, entries)))
        values = ", ".join(
            f"({one.level}, {one.number}, '\\x{one.hashes.hex()}', '\\x{one.root.hex()}')"
            for one in full
        )
        self.stand.sql(
            "DELETE FROM audit.cosignature", "DELETE FROM audit.checkpoint",
            "DELETE FROM audit.tile",
            f"INSERT INTO audit.tile (level, number, nodes, root) VALUES {values}",
        )  # fmt: skip
        await self.sign(len(entries), tree.root())

    async def sign(self, size: int, root: bytes) -> None:
        keys = self.stand.publisher._keys
        text = str(Checkpoint((await self.stand.log.keys()).origin, size, root))
        signed = await keys.sign(text)
        row = checkpoints.CheckpointRow(size, root, str(signed), self.stand.clock.now())
        self.stand.sql("DELETE FROM audit.cosignature", "DELETE FROM audit.checkpoint")
        async with self.stand.database.transaction() as tx:
            await checkpoints.add(tx, row)

    async def published(self) -> Path:
        """Publish the log as it is now."""
        self.stand.shelf._kept.clear()
        self.stand.log._signed = None
        place = self.folder / f"log{random.getrandbits(64):x}"
        await self.stand.log.export(place)
        return place

    def verified(self, place: Path, since: int, *, copy: bool = False) -> answers.Answer:
        return answers.whole_log(
            str(place), self.folder / "keys", [self.kept[since]],
            self.folder / "copy" if copy else None, None, classical=False,
        )  # fmt: skip


@pytest.fixture
async def case(stand: Stand, tmp_path: Path) -> Case:
    trust = Trust.parse(spelled(await stand.log.keys()))
    desk = desk_of(tmp_path / "witness", stand.clock, {trust.origin: trust})
    kept: dict[int, Path] = {}
    size = 0
    for mark in (*SIZES, END):
        for at in range(size, mark):
            if at % 10 == 7:
                stand.ledger.tell_batch("book_1", at, "aa" * 32)
            else:
                stand.payments.tell(1, tenant=STRANGER if at % 3 else MERCHANT)
            if at % 50 == 0:
                await stand.record()
        await stand.record()
        stand.log._signed = None
        row, text = await stand.log._newest()
        path = await stand.shelf.consistency(size, mark)
        body = f"old {size}\n" + "".join(f"{note.encoded(one)}\n" for one in path) + "\n" + text
        status, line = await desk.add_checkpoint(body)
        assert status == 200, line
        async with stand.database.transaction() as tx:
            word = CosignatureRow(row.size, desk.key.name, line, stand.clock.now())
            await checkpoints.add_cosignature(tx, word)
        kept[mark] = tmp_path / f"{mark}.checkpoint"
        kept[mark].write_text(text + line)
        size = mark
    published = replace(await stand.log.keys(), witnesses=(str(desk.key),), quorum=0)
    (tmp_path / "keys").write_text(spelled(published))
    stand.sql(*(f"CREATE TABLE public.{one} AS TABLE audit.{one}" for one in TABLES))
    rows = stand.rows("SELECT e.entry, o.feed || o.tenant FROM audit.entry AS e"
                      " JOIN audit.opening AS o ON o.leaf = e.leaf ORDER BY e.leaf")  # fmt: skip
    entries = [bytes(row[0]) for row in rows]  # pyright: ignore
    made = Case(stand, tmp_path, entries, [str(row[1]) for row in rows], kept)
    (await made.published()).rename(tmp_path / "copy")
    return made


Change = Callable[[Case, int], Awaitable[int]]
"""Changes a log at a place and returns the first index that is wrong."""


async def edit(case: Case, at: int) -> int:
    case.stand.sql(
        "UPDATE audit.entry SET entry = set_byte(entry, 50, get_byte(entry, 50) # 1)"
        f" WHERE leaf = {at}"
    )
    return at


async def delete(case: Case, at: int) -> int:
    case.stand.sql(f"DELETE FROM audit.entry WHERE leaf = {at}")
    return at


async def insert(case: Case, at: int) -> int:
    case.write([*case.entries[:at], case.entries[at][:-1] + b"!", *case.entries[at:]])
    return at


async def reorder(case: Case, at: int) -> int:
    case.write([*case.entries[:at], *case.entries[at : at + 2][::-1], *case.entries[at + 2 :]])
    return at


async def tail_cut(case: Case, at: int) -> int:
    at = max(at, 1)
    tree = Tree()
    tree.extend(b"".join(map(leaf_hash, case.entries[:at])))
    case.stand.sql(f"DELETE FROM audit.entry WHERE leaf >= {at}")
    await case.sign(at, tree.root())
    return at


async def stream_dropped(case: Case, at: int) -> int:
    left = [
        one
        for place, (one, owner) in enumerate(zip(case.entries, case.owners, strict=True))
        if place < at or not owner.startswith("ledger")
    ]
    await case.rewrite(left)
    return next(place for place in range(at, END) if case.owners[place].startswith("ledger"))


async def chain_rewritten(case: Case, at: int) -> int:
    await case.rewrite([*case.entries[:at], case.entries[at][:-1] + b"!", *case.entries[at + 1 :]])
    return at


async def clock_rewritten(case: Case, at: int) -> int:
    found = entry.decoded(case.entries[at])
    earlier = found._replace(occurred_at=found.occurred_at - 3_600_000_000).encoded()
    await case.rewrite([*case.entries[:at], earlier, *case.entries[at + 1 :]])
    return at


async def field_swapped(case: Case, at: int) -> int:
    one, other = (entry.decoded(found) for found in case.entries[at : at + 2])
    swapped = [
        one._replace(commitment=other.commitment).encoded(),
        other._replace(commitment=one.commitment).encoded(),
    ]
    case.write([*case.entries[:at], *swapped, *case.entries[at + 2 :]])
    return at


async def duplicated(case: Case, at: int) -> int:
    await case.rewrite([*case.entries[: at + 1], case.entries[at], *case.entries[at + 2 :]])
    return at + 1


async def other_tenants(case: Case, at: int) -> int:
    other = next(
        place for place in range(END - 100, END) if case.owners[place] != case.owners[at]
    )  # fmt: skip
    await case.rewrite([*case.entries[:at], case.entries[other], *case.entries[at + 1 :]])
    return at


CHANGES: dict[str, Change] = {
    "edit": edit,
    "delete": delete,
    "insert": insert,
    "reorder": reorder,
    "tail cut": tail_cut,
    "whole stream dropped": stream_dropped,
    "chain rewritten by a superuser": chain_rewritten,
    "clock rewritten": clock_rewritten,
    "field swapped": field_swapped,
    "position twice": duplicated,
    "another tenant's entry": other_tenants,
}


@pytest.mark.catalogue("T83")
@pytest.mark.requirement("S004-2")
async def test_a_changed_log_is_refused_and_the_first_bad_index_named(case: Case):
    await changed_at(case, POSITIONS)


@pytest.mark.long
@pytest.mark.catalogue("T83")
async def test_a_changed_log_is_refused_wherever_it_was_changed(case: Case):
    await changed_at(case, sorted(random.Random(83).sample(range(1_199), 50)))


async def changed_at(case: Case, positions: Sequence[int]) -> None:
    clean = await case.published()
    for since in SIZES:
        for copy in (False, True):
            found = case.verified(clean, since, copy=copy)
            assert found.code == 0, found.found
    for name, change in CHANGES.items():
        for at in positions:
            bad = await change(case, at)
            place = await case.published()
            found = case.verified(place, 1_200, copy=True)
            told = (name, at, found.found)
            assert found.code == 1, told
            assert found.found["first_bad_index"] == bad, told
            assert found.found["exact"], told
            alone = case.verified(place, 1_200)
            assert alone.code == 1, told
            first, last = (alone.found[one] for one in ("first_bad_index", "at_the_latest"))
            assert isinstance(first, int)
            assert isinstance(last, int)
            assert first <= bad <= last, (told, alone.found)
            case.restore()
    assert case.verified(await case.published(), 1_200).code == 0


@pytest.mark.catalogue("T83")
async def test_a_forged_checkpoint_vouches_for_nothing_behind_the_kept_one(case: Case):
    head = (await case.published() / "checkpoint").read_text()
    older = case.kept[900].read_text()
    lines = head.splitlines(keepends=True)
    of_older = older.splitlines(keepends=True)
    forged = {
        "root": head.replace(lines[2], of_older[2]),
        "size": head.replace(f"\n{END}\n", f"\n{END - 1}\n"),
        "without the post-quantum signature": "".join(one for one in lines if len(one) < 5_000),
        "log's word for another": "".join([*lines[:4], *of_older[4:]]),
        "somebody else's log": head.replace("bezant.example/audit", "bezant.example/other"),
    }
    for name, text in forged.items():
        assert text != head, name
        for since in (*SIZES, END):
            place = await case.published()
            (place / "checkpoint").write_text(text)
            found = case.verified(place, since)
            assert found.code == 1, (name, found.found)
            assert found.found["first_bad_index"] == since, (name, since, found.found)
    classical = answers.whole_log(
        str(await case.published()), case.folder / "keys", [case.kept[900]], None, None,
        classical=True,
    )  # fmt: skip
    assert classical.code == 0


@pytest.mark.catalogue("T83")
async def test_an_anchor_that_was_swapped_vouches_for_nothing(case: Case):
    """What a witness signed is the anchor of a log: its word for one size is none for another."""
    words = {
        size: kept.read_text().splitlines(keepends=True)[-1] for size, kept in case.kept.items()
    }
    assert len(set(words.values())) == len(words)
    sizes = (*SIZES, END)
    for size, other in zip(sizes, (*sizes[1:], sizes[0]), strict=True):
        case.stand.sql(
            f"UPDATE audit.cosignature SET line = (SELECT line FROM public.cosignature"
            f" WHERE size = {other}) WHERE size = {size}"
        )
        swapped = case.kept[size].read_text().replace(words[size], words[other])
        (case.folder / "swapped").write_text(swapped)
        found = answers.whole_log(
            str(await case.published()), case.folder / "keys", [case.folder / "swapped"], None,
            None, classical=False,
        )  # fmt: skip
        assert found.code == 1, found.found
        assert "does not fit" in str(found.found["why"])
        case.restore()
    place = await case.published()
    head = place / "checkpoint"
    assert words[END] in head.read_text()
    for other in SIZES:
        head.write_text(head.read_text().replace(words[END], words[other]))
        found = case.verified(place, 1_200)
        assert (found.code, found.found["first_bad_index"]) == (1, 1_200), found.found
        head.write_text(head.read_text().replace(words[other], words[END]))
    assert case.verified(place, 1_200).code == 0


@pytest.mark.catalogue("T83")
async def test_a_changed_block_of_what_was_published_is_named(case: Case):
    for at in POSITIONS:
        place = await case.published()
        bundle = place / tiles.tile_path("entries", at // 256, min(256, END - at // 256 * 256))
        content = bytearray(bundle.read_bytes())
        start = sum(2 + len(one) for one in case.entries[at // 256 * 256 : at])
        content[start + 30] ^= 1
        bundle.write_bytes(content)
        found = case.verified(place, 1_200)
        assert (found.code, found.found["first_bad_index"], found.found["exact"]) == (1, at, True)


async def test_without_a_kept_checkpoint_a_rewritten_log_only_holds_together(case: Case):
    """The control: what finds a rewritten log is the checkpoint that somebody else kept."""
    await chain_rewritten(case, 500)
    place = await case.published()
    keys = case.folder / "keys"
    found = answers.whole_log(str(place), keys, [], None, None, classical=False)
    assert found.code == 2
    assert "nothing to compare" in str(found.found["why"])


@pytest.mark.catalogue("T83")
async def test_an_entry_that_is_in_no_full_tile_yet_is_named_without_a_copy(case: Case):
    bad = await edit(case, AT_THE_EDGE)
    found = case.verified(await case.published(), END)
    assert (found.code, found.found["first_bad_index"], found.found["exact"]) == (1, bad, True)
    case.restore()
    bad = await delete(case, AT_THE_EDGE)
    found = case.verified(await case.published(), END)
    assert (found.code, found.found["at_the_latest"]) == (1, bad)


async def test_the_program_says_so_too(case: Case):
    await edit(case, 321)
    place = await case.published()
    command = [
        sys.executable, "-m", "bezant_verify.main", "log", str(place), "--json",
        "--keys", str(case.folder / "keys"), "--since", str(case.kept[600]),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, check=False)
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["answer"], told["first_bad_index"]) == (1, "invalid", 321)
    assert told["not_shown"]

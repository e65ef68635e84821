"""The tree, its notes and its entries: the vectors of the specifications, and ours made by hand."""

import random
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from bezant_verify import entry, merkle, note, tiles
from bezant_verify.encoding import microseconds

# The leaves and roots of the reference implementation of RFC 6962.
LEAVES = (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
# Written by hand: SHA-256 of texts by `sha256sum`.
COMMITMENT = "dd1cea2757c007a50a9b81c040fadbe59acde5130a8e89567fead9abcf158cf5"
ENTRY = (
    "01087061796d656e74730000000000000007"
    "107061796d656e742e63617074757265640002eef3fa773000"
    + COMMITMENT
)  # fmt: skip
LEAF_HASH = "ef63b6789bce8bec8fcda7b005552457154e50f7999059482d2b13904fe0b87d"
# The example of Go's package for signed notes.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SAID = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)  # fmt: skip


def slow_root(leaves: list[bytes]) -> bytes:
    """Say again what RFC 6962 says, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + slow_root(leaves[:half]) + slow_root(leaves[half:])).digest()


def slow_path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if index < half:
        return [*slow_path(index, leaves[:half]), slow_root(leaves[half:])]
    return [*slow_path(index - half, leaves[half:]), slow_root(leaves[:half])]


def slow_steps(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [slow_root(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if old <= half:
        return [*slow_steps(old, leaves[:half], whole), slow_root(leaves[half:])]
    return [*slow_steps(old - half, leaves[half:], False), slow_root(leaves[:half])]


def test_the_reference_roots():
    tree = merkle.Range()
    assert tree.root() == slow_root([])
    for place, (leaf, root) in enumerate(zip(LEAVES, ROOTS, strict=True), 1):
        tree.append(merkle.leaf_hash(bytes.fromhex(leaf)))
        assert tree.root().hex() == root
        assert tree.size == place


def test_a_tree_is_the_same_however_it_grew():
    chance = random.Random(5)
    leaves = [chance.randbytes(32) for _ in range(700)]
    for _ in range(40):
        tree, at = merkle.Range(), 0
        while at < len(leaves):
            more = chance.choice((1, 2, 7, 64, 256, 300))
            tree.extend(b"".join(leaves[at : at + more]))
            at += more
            assert tree.size == min(at, len(leaves))
        assert tree.root() == slow_root(leaves)


@pytest.mark.requirement("S004-2")
def test_every_proof_of_every_small_tree_and_no_changed_one():
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(70)]
    chance = random.Random(3)
    for size in range(1, 71):
        root = slow_root(leaves[:size])
        for index in range(size):
            path = slow_path(index, leaves[:size])
            assert merkle.inclusion_root(index, size, leaves[index], path) == root
            wrong = chance.randrange(size)
            if wrong != index:
                assert not _leads(wrong, size, leaves[index], path, root)
            assert not _leads(index, size, leaves[index], [*path, root], root)
            assert not path or not _leads(index, size, leaves[index], path[:-1], root)
        for old in range(size + 1):
            before = slow_root(leaves[:old])
            steps = slow_steps(old, leaves[:size]) if old else []
            merkle.verify_consistency(old, before, size, root, steps)
            for bad in ([*steps, root], steps[:-1], [root, *steps]):
                if bad != steps:
                    with pytest.raises(merkle.BadProof):
                        merkle.verify_consistency(old, before, size, root, bad)
            with pytest.raises(merkle.BadProof):
                merkle.verify_consistency(old, b"x" * 32, size, root, steps)
            with pytest.raises(merkle.BadProof):
                merkle.verify_consistency(size + 1, before, size, root, steps)


def _leads(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> bool:
    try:
        return merkle.inclusion_root(index, size, leaf, path) == root
    except merkle.BadProof:
        return False


def test_an_entry_is_the_bytes_written_by_hand():
    at = microseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))
    committed = entry.commitment(b"\x11" * 32, b'{"id":"evt_1"}')
    assert committed.hex() == COMMITMENT
    made = entry.Entry("payments", 7, "payment.captured", at, committed)
    assert made.encoded().hex() == ENTRY
    assert merkle.leaf_hash(made.encoded()).hex() == LEAF_HASH
    assert entry.decoded(bytes.fromhex(ENTRY)) == made


def test_what_is_no_entry_is_refused():
    sound = bytes.fromhex(ENTRY)
    for bad in (b"", sound[:-1], sound + b"x", b"\x02" + sound[1:], sound[:1] + b"\x00" + sound[2:],
                sound.replace(b"payments", b"p\xffyments"),
                sound[:17] + b"\x00" + sound[18:]):  # fmt: skip
        with pytest.raises(entry.MalformedEntry):
            entry.decoded(bad)


def test_a_note_signed_elsewhere():
    found = note.Note.parse(SAID)
    assert str(found) == SAID
    key = note.VerifierKey.parse(NEUMANN)
    assert str(key) == NEUMANN
    assert [one.key for one in note.verified(found, [key])] == [key]
    with pytest.raises(note.BadNote):
        note.verified(note.Note.parse(SAID.replace("don't", "do")), [key])
    assert note.verified(found, []) == ()


@pytest.mark.parametrize(
    "bad",
    [
        "", "\n\n", "text\n", "text\n\n", "text\n\nno dash\n", "text\n\n— name AAAAAAA=",
        "text\n\n— name AAAA\n", "text\n\n— na me AAAAAAA=\n", "text\n\n— na+me AAAAAAA=\n",
        "text\n\n— name AAAAAAB=\n", "te\txt\n\n— name AAAAAAA=\n", "text\n\n— name ?AAAAAA=\n",
        "text\n\n— name AAAAAAA=\n" * 2 + "\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(bad: str):
    note.Note.parse("text\n\n— name AAAAAAA=\n")
    with pytest.raises(note.Misread):
        note.Note.parse(bad)


def test_tiles_lie_where_the_specification_says():
    assert tiles.tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tiles.tile_path("entries", 5, 8) == "tile/entries/005.p/8"
    for number in (0, 5, 999, 1_000, 1_234_067, 255_001_002):
        for width in (1, 255, 256):
            parts = tiles.tile_path(3, number, width).split("/")[2:]
            assert tiles.tile_at(parts) == (number, width)
    assert list(tiles.widths(70_000))[-1] == (273, 112)
    assert list(tiles.widths(256)) == [(0, 256)]
    entries = [b"", b"a", b"b" * 70_00]
    assert tiles.unbundled(tiles.bundled(entries)) == entries
    assert tiles.unbundled(tiles.bundled(entries)[:-1]) == entries[:2]

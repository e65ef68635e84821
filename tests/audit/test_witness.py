"""Witnesses: what they sign and refuse, and a log that asks them."""

from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from tests.audit.stand import ORIGIN, Stand, assembled
from tests.audit.witnessing import NAME, Listening, desk_of, listening
from tests.harness.waiting import until

from bezant.audit.spelling import spelled
from bezant.audit.witness.asking import MalformedWitness, Witness
from bezant.audit.witness.memory import Memory, WitnessRuns
from bezant.audit.witness.rounds import AHEAD, Rounds
from bezant_verify import note, proof
from bezant_verify.checkpoint import Checkpoint, Trust, believed, many
from bezant_verify.note import Note


async def trust_of(stand: Stand) -> Trust:
    return Trust.parse(spelled(await stand.log.keys()))


async def grown(stand: Stand, size: int) -> str:
    stand.payments.tell(size - len(stand.payments.events))
    await stand.record()
    stand.log._signed = None
    return await stand.log.checkpoint()


async def body(stand: Stand, old: int, text: str, proven: int | None = None) -> str:
    size = Checkpoint.parse(Note.parse(text).text).size
    path = await stand.shelf.consistency(old if proven is None else proven, size)
    return f"old {old}\n" + "".join(f"{note.encoded(one)}\n" for one in path) + "\n" + text


async def test_a_witness_signs_what_continues_and_nothing_else(stand: Stand, tmp_path: Path):
    first, second, third = [await grown(stand, size) for size in (5, 300, 301)]
    trust = await trust_of(stand)
    desk = desk_of(tmp_path / "witness", stand.clock, {ORIGIN: trust})

    async def status(text: str) -> tuple[int, str]:
        return await desk.add_checkpoint(text)

    assert (await status(await body(stand, 5, second)))[0] == 409, "it has signed nothing yet"
    code, line = await status(await body(stand, 0, first))
    assert code == 200
    assert line.startswith(f"— {NAME} ")
    assert await status(await body(stand, 0, second)) == (409, "5\n")
    assert (await status(await body(stand, 5, second, proven=4)))[0] == 422
    assert (await status(await body(stand, 300, first)))[0] == 400, "old greater than new"
    assert (await status(await body(stand, 5, second)))[0] == 200
    assert (await status(await body(stand, 300, second)))[0] == 200, "the same again"
    assert await status(await body(stand, 5, first)) == (409, "300\n"), "never back"
    other = second.replace(second.split("\n")[2], note.encoded(b"f" * 32))
    assert (await status(f"old 300\n\n{other}"))[0] == 403, "the log did not sign that"
    assert (await status(f"old 300\n\n{second.replace(ORIGIN, 'another.example')}"))[0] == 404
    for nonsense in ("", "old x\n\n" + second, "old 300\n" + second, f"old 300\n!\n\n{second}",
                     "old 0300\n\n" + second,
                     f"old 300\n\n{second}".replace("\n\n", "\n")):  # fmt: skip
        assert (await status(nonsense))[0] == 400, nonsense
    again = desk_of(tmp_path / "witness", stand.clock, {ORIGIN: trust})
    assert again.key == desk.key, "a witness remembers its key"
    assert await again.add_checkpoint(await body(stand, 5, third)) == (409, "300\n")
    assert (await again.add_checkpoint(await body(stand, 300, third)))[0] == 200


async def test_two_trees_of_one_size_are_never_both_signed(stand: Stand, tmp_path: Path):
    text = await grown(stand, 5)
    trust = await trust_of(stand)
    desk = desk_of(tmp_path / "witness", stand.clock, {ORIGIN: trust})
    assert (await desk.add_checkpoint(await body(stand, 0, text)))[0] == 200
    fork = await stand.publisher._keys.sign(str(Checkpoint(ORIGIN, 5, b"f" * 32)))
    assert await desk.add_checkpoint(f"old 5\n\n{fork}") == (409, "5\n")
    kept = desk.newest(ORIGIN)
    assert kept is not None
    assert Checkpoint.parse(Note.parse(kept).text) == Checkpoint.parse(Note.parse(text).text)
    assert desk.newest("another.example") is None


async def test_the_log_has_its_checkpoints_signed_and_shows_it(stand: Stand, tmp_path: Path):
    await grown(stand, 5)
    trust = await trust_of(stand)
    async with (
        listening(tmp_path / "witness", stand.clock, trust) as witness,
        _asking(stand, tmp_path, witness) as asking,
    ):
        assert await asking.log.checkpoint() is not None
        asking.rounds.start()
        try:
            await until(lambda: asking.rounds.asked[0].size == 5, "the witness signed")
            asking.log._signed = None
            assert believed(await asking.log.checkpoint(), await demanding(asking)).seen_at
            await grown(asking, 700)
            await until(lambda: asking.rounds.asked[0].size == 700, "the witness signed again")
        finally:
            await asking.rounds.stop()
        asking.log._signed = None
        found = believed(await asking.log.checkpoint(), await demanding(asking))
        assert [one.key.name for one in found.witnessed] == [NAME]
        await grown(asking, 710)
        proven = proof.verify(
            proof.LogProof.parse(await asking.log.inclusion(699)), await demanding(asking)
        )
        assert proven.believed.checkpoint.size == 700, "a proof takes the newest witnessed one"
        with pytest.raises(note.BadNote):
            proof.verify(
                proof.LogProof.parse(await asking.log.inclusion(705)), await demanding(asking)
            )
        integrity = await asking.log.integrity()
        assert [(one.witness, one.size) for one in integrity.witnesses] == [(NAME, 700)]


async def test_a_witness_that_knows_more_than_we_do_is_believed(stand: Stand, tmp_path: Path):
    text = await grown(stand, 600)
    trust = await trust_of(stand)
    async with listening(tmp_path / "witness", stand.clock, trust) as witness:
        assert (await witness.desk.add_checkpoint(await body(stand, 0, text)))[0] == 200
        stand.sql("TRUNCATE audit.cosignature, audit.checkpoint, audit.tile, audit.entry",
                  "TRUNCATE audit.opening, audit.follower_position")  # fmt: skip
        async with _asking(stand, tmp_path, witness) as shorter:
            await grown(shorter, 500)
            shorter.rounds.start()
            try:
                await until(lambda: shorter.rounds.asked[0].trouble == AHEAD, "the cut was seen")
            finally:
                await shorter.rounds.stop()
        assert stand.rows("SELECT count(*) FROM audit.cosignature") == [(0,)]


async def test_a_silent_or_lying_witness_costs_nothing(stand: Stand, tmp_path: Path):
    await grown(stand, 5)
    trust = await trust_of(stand)
    async with listening(tmp_path / "witness", stand.clock, trust) as witness:
        liar = Witness(witness.witness.address, desk_of(
            tmp_path / "other", stand.clock, {}, "liar.example").key)  # fmt: skip
        silent = Witness("http://127.0.0.1:9", liar.key)
        rounds = Rounds(stand.database, stand.shelf, stand.publisher._nudges, [silent, liar])
        rounds.start()
        try:
            await until(lambda: all(one.trouble for one in rounds.asked), "both are noticed")
        finally:
            await rounds.stop()
    assert stand.rows("SELECT count(*) FROM audit.cosignature") == [(0,)]
    assert await grown(stand, 6)


def test_two_witnesses_never_share_a_memory(tmp_path: Path):
    with Memory(tmp_path).held(), pytest.raises(WitnessRuns), Memory(tmp_path).held():
        pass
    with Memory(tmp_path).held():
        assert Memory(tmp_path).newest(ORIGIN) is None, "reading needs no lock"


async def test_the_witness_answers_as_the_specification_says(stand: Stand, tmp_path: Path):
    text = await grown(stand, 5)
    trust = await trust_of(stand)
    async with (
        listening(tmp_path / "witness", stand.clock, trust) as witness,
        aiohttp.ClientSession() as session,
    ):
        place = witness.witness.address
        async with session.get(f"{place}/checkpoint", params={"origin": ORIGIN}) as answer:
            assert answer.status == 404
        sent = (await body(stand, 0, text)).encode()
        async with session.post(f"{place}/add-checkpoint", data=sent) as answer:
            line = await answer.text()
            assert (answer.status, line[:2]) == (200, "— ")
        async with session.post(f"{place}/add-checkpoint", data=sent) as answer:
            assert (answer.status, await answer.text()) == (409, "5\n")
            assert answer.content_type == "text/x.tlog.size"
        async with session.post(f"{place}/add-checkpoint", data=b"\xff") as answer:
            assert answer.status == 400
        async with session.get(f"{place}/checkpoint", params={"origin": ORIGIN}) as answer:
            kept = await answer.text()
        assert many(kept + kept) == [kept, kept]
        assert kept == text + line
        async with session.get(f"{place}/key") as answer:
            assert await answer.text() == f"{witness.desk.key}\n"


@pytest.mark.parametrize(
    "text", ["", "https://w.example", "ftp://w.example {key}", "https://w.example {log}"]
)
async def test_a_witness_is_named_by_address_and_key(stand: Stand, tmp_path: Path, text: str):
    key = desk_of(tmp_path / "witness", stand.clock, {}).key
    log = (await stand.log.keys()).log[0]
    assert Witness.parse(f"https://w.example/ {key}") == Witness("https://w.example", key)
    with pytest.raises(MalformedWitness):
        Witness.parse(text.format(key=key, log=log))


def _asking(stand: Stand, folder: Path, witness: Listening):
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened():
        async with AsyncExitStack() as stack:
            made = await assembled(
                stack, stand.server, stand.clock, folder, [witness.witness]
            )  # fmt: skip
            made.payments.events = [*stand.payments.events]
            if not stand.rows("SELECT 1 FROM audit.entry LIMIT 1"):
                made.payments.events = []
            yield made

    return opened()


async def demanding(stand: Stand) -> Trust:
    return Trust.parse(spelled(await stand.log.keys()))

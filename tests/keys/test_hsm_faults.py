"""T82: a token that goes away, a PIN that is wrong, sessions that run out, a process that forks.

Whatever happens, nothing wrong is ever answered: a signature fits or there is none.
"""

import asyncio
import os
import pickle
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pkcs11
import pytest
from tests.keys.softhsm import LABEL, PIN, SO_PIN, SoftHsm

from bezant.keys import Algorithm, CannotOpen, KeySpec, KeyStoreUnusable, Purpose, algorithms
from bezant.keys.pkcs11 import Pkcs11Provider
from bezant.keys.provider import Encrypted, KeyRef
from bezant.keys.token import PinRefused, Token

pytestmark = [pytest.mark.system, pytest.mark.catalogue("T82")]

RECOVERS_SECONDS = 10.0
DEADLINE_SECONDS = 60.0


class Callers:
    """Ask for signatures and openings without a pause, and judge every answer."""

    def __init__(self, token: Pkcs11Provider) -> None:
        self._token = token
        self._tasks: list[asyncio.Task[None]] = []
        self.good = 0
        self.wrong: list[str] = []
        self.refused: dict[str, int] = {}
        self.last_good = 0.0

    async def start(self, count: int) -> None:
        self.signing = await self._token.generate(KeySpec.P256, Purpose.SIGN, "receipts")
        self.sealing = await self._token.generate(KeySpec.AES256, Purpose.SEAL, "tokens")
        self.sealed = await self._token.encrypt(self.sealing, b"4242", b"tok")
        public_key = await self._token.public_key(self.signing)
        assert public_key is not None
        self.public_key = public_key
        self._tasks = [asyncio.create_task(self._call(at)) for at in range(count)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not reached():
                await asyncio.sleep(0.02)

    async def good_ones(self, count: int) -> None:
        before = self.good
        await self.until(lambda: self.good >= before + count)

    async def _call(self, at: int) -> None:
        turn = 0
        while True:
            turn += 1
            try:
                await (self._sign(f"{at} {turn}") if turn % 2 else self._open())
            except KeyStoreUnusable as error:
                name = type(error).__name__
                self.refused[name] = self.refused.get(name, 0) + 1
                await asyncio.sleep(0.02)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self.wrong.append(f"{type(error).__name__}: {error}")
            else:
                self.good += 1
                self.last_good = time.monotonic()

    async def _sign(self, message: str) -> None:
        signature = await self._token.sign(self.signing, Algorithm.ES256, message.encode())
        if not algorithms.verify(Algorithm.ES256, self.public_key, message.encode(), signature):
            self.wrong.append(f"a signature of {message} does not fit")

    async def _open(self) -> None:
        opened = await self._token.decrypt(self.sealing, self.sealed, b"tok")
        if opened != b"4242":
            self.wrong.append("another text was opened")


async def test_a_token_that_is_taken_out_and_put_back_is_used_again(
    hsm: SoftHsm, token: Pkcs11Provider
) -> None:
    callers = Callers(token)
    await callers.start(8)
    await callers.good_ones(100)

    hsm.take_out()
    await callers.until(lambda: sum(callers.refused.values()) >= 20)
    away = await token.health()
    hsm.put_back()
    back_at = time.monotonic()
    await callers.good_ones(100)
    recovered_seconds = time.monotonic() - back_at
    await callers.stop()

    assert callers.wrong == []
    assert set(callers.refused) == {"KeyStoreUnusable"}
    assert not away.healthy
    assert recovered_seconds <= RECOVERS_SECONDS
    assert (await token.health()).healthy


async def test_while_the_token_is_away_a_ciphertext_is_not_called_false(
    hsm: SoftHsm, token: Pkcs11Provider
) -> None:
    ref = await token.generate(KeySpec.AES256, Purpose.SEAL, "tokens")
    made = await token.encrypt(ref, b"4242", b"tok")
    forged = Encrypted(made.algorithm, made.iv, bytes(len(made.ciphertext)))

    hsm.take_out()
    for sealed in (made, forged):
        with pytest.raises(KeyStoreUnusable):
            await token.decrypt(ref, sealed, b"tok")
    hsm.put_back()

    await eventually(lambda: token.decrypt(ref, made, b"tok"))
    with pytest.raises(CannotOpen):
        await token.decrypt(ref, forged, b"tok")


async def test_a_wrong_pin_is_tried_once_and_told(hsm: SoftHsm, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    with pytest.raises(PinRefused, match="SOFTHSM_USER_PIN") as refusal:
        await Pkcs11Provider.open(
            hsm.with_pin("000000"), tmp_path / "keys", lambda *one: told.append(one)
        )

    assert told == [(LABEL, "refused")]
    assert "000000" not in str(refusal.value)
    right = await Pkcs11Provider.open(hsm.place, tmp_path / "keys", lambda *one: told.append(one))
    assert told[1:] == [(LABEL, "done")]
    await right.close()


async def test_a_pin_changed_under_a_running_process_stops_it_instead_of_locking_the_token(
    hsm: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    token = await Pkcs11Provider.open(hsm.place, tmp_path / "keys", lambda *one: told.append(one))
    ref = await token.generate(KeySpec.P256, Purpose.SIGN, "receipts")
    callers = Callers(token)
    await callers.start(8)
    await callers.good_ones(20)

    # Another process changes the PIN; the token goes away for a moment, so we must log in again.
    change = "import pkcs11,sys;t=pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2])\n"
    change += "s=t.open(rw=True,so_pin=sys.argv[3]);s.init_pin('739155');s.close()"
    await run_program(change, hsm.place.module, LABEL, SO_PIN)
    hsm.take_out()
    await callers.until(lambda: sum(callers.refused.values()) >= 20)
    hsm.put_back()
    await callers.until(lambda: callers.refused.get("PinRefused", 0) >= 100)
    await callers.stop()

    assert callers.wrong == []
    assert told == [(LABEL, "done"), (LABEL, "refused")]
    with pytest.raises(PinRefused):
        await token.sign(ref, Algorithm.ES256, b"x")
    await token.close()
    again = await Pkcs11Provider.open(hsm.with_pin("739155"), tmp_path / "keys")
    assert len(await again.sign(ref, Algorithm.ES256, b"x")) == 64
    await again.close()


async def test_where_sessions_run_out_callers_take_turns(
    hsm: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SoftHSM has no limit of its own, so the third session is refused in its name."""
    opened = 0
    lock = threading.Lock()
    ordinary = Token._open_one

    def third_is_refused(self: Token, generation: int) -> object:
        nonlocal opened
        with lock:
            if opened >= 2:
                self._found = Exhausted(self._found)
            opened += 1
        try:
            return ordinary(self, generation)
        finally:
            if isinstance(self._found, Exhausted):
                self._found = self._found.token

    monkeypatch.setattr(Token, "_open_one", third_is_refused)
    token = await Pkcs11Provider.open(hsm.place, tmp_path / "keys")
    callers = Callers(token)
    await callers.start(16)
    await callers.until(lambda: opened > 2)
    await callers.good_ones(200)
    await callers.stop()
    await token.close()

    assert callers.wrong == []
    assert callers.refused == {}


async def test_no_session_at_all_is_an_answer_too(
    hsm: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await Pkcs11Provider.open(hsm.place, tmp_path / "keys")
    ref = await token.generate(KeySpec.P256, Purpose.SIGN, "receipts")
    inner = token._token
    inner._free.clear()
    found = inner._found
    inner._found = Exhausted(found)  # type: ignore[assignment]

    with pytest.raises(KeyStoreUnusable, match="no session") as refusal:
        await token.sign(ref, Algorithm.ES256, b"x")

    assert refusal.value.retry_after_seconds
    inner._found = found
    assert len(await token.sign(ref, Algorithm.ES256, b"x")) == 64
    await token.close()


async def test_a_forked_process_begins_anew_and_leaves_its_parent_alone(
    hsm: SoftHsm, token: Pkcs11Provider
) -> None:
    ref = await token.generate(KeySpec.P256, Purpose.SIGN, "receipts")
    sealing = await token.generate(KeySpec.AES256, Purpose.SEAL, "tokens")
    made = await token.encrypt(sealing, b"4242", b"tok")
    await token.sign(ref, Algorithm.ES256, b"parent")
    threads = token._threads

    answers = await asyncio.to_thread(forked, token, ref, sealing, made)
    signature = await token.sign(ref, Algorithm.ES256, b"parent")

    assert answers["opened"] == b"4242"
    assert not answers["same threads"]
    assert await token.verify(ref, Algorithm.ES256, b"child", answers["signature"])
    assert answers["forged"] == "CannotOpen"
    assert token._threads is threads
    assert await token.verify(ref, Algorithm.ES256, b"parent", signature)


class Exhausted:
    """A token that gives no session."""

    def __init__(self, token: object) -> None:
        self.token = token

    def open(self, **_: object) -> object:
        raise pkcs11.SessionCount


def forked(
    token: Pkcs11Provider, ref: KeyRef, sealing: KeyRef, made: Encrypted
) -> dict[str, object]:
    reading, writing = os.pipe()
    before = token._threads
    child = os.fork()
    if child == 0:
        told: dict[str, object] = {}
        try:
            told = asyncio.run(in_child(token, ref, sealing, made, before))
        finally:
            with os.fdopen(writing, "wb") as out:
                out.write(pickle.dumps(told))
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told = pickle.loads(answer.read())
    os.waitpid(child, 0)
    return told


async def in_child(
    token: Pkcs11Provider, ref: KeyRef, sealing: KeyRef, made: Encrypted, before: object
) -> dict[str, object]:
    forged = Encrypted(made.algorithm, made.iv, bytes(len(made.ciphertext)))
    try:
        await token.decrypt(sealing, forged, b"tok")
        refusal = "opened"
    except CannotOpen:
        refusal = "CannotOpen"
    return {
        "signature": await token.sign(ref, Algorithm.ES256, b"child"),
        "opened": await token.decrypt(sealing, made, b"tok"),
        "forged": refusal,
        "same threads": token._threads is before,
    }


async def eventually(ask: Callable[[], Awaitable[object]]) -> object:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await ask()
            except KeyStoreUnusable:
                await asyncio.sleep(0.05)


async def run_program(program: str, *words: str) -> None:
    import sys

    ran = await asyncio.create_subprocess_exec(sys.executable, "-c", program, *words)
    assert await ran.wait() == 0


def test_a_wrong_answer_would_be_noticed(hsm: SoftHsm) -> None:
    """The positive control: a signature that does not fit, and a text that is another."""
    key = algorithms.generate(KeySpec.P256, os.urandom)
    private, public_key = algorithms.load(KeySpec.P256, key)
    signature = algorithms.sign(Algorithm.ES256, private, b"1 2")
    assert public_key is not None
    assert not algorithms.verify(Algorithm.ES256, public_key, b"1 3", signature)
    assert PIN not in str(hsm.place)

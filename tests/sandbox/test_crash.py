"""A sandbox killed in the middle of its work: what it answered is in its book, once."""

import sqlite3
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx2
from tests.harness.processes import Program, start_module
from tests.sandbox.test_card import body

HEADERS = {"authorization": "Bearer card_test_bezant"}
CYCLES = 3
CALLERS = 4
CALLS_BEFORE_THE_END = 25
GONE = (httpx2.TransportError,)


def started(folder: Path) -> Program:
    return start_module("tests.sandbox.crash_program", folder)


def ports_of(program: Program) -> Mapping[str, int]:
    pairs = [word.split("=") for word in program.wait_for_line().split()[1:]]
    return {name: int(port) for name, port in pairs}


def pay_until(gone: Event, url: str, name: str, answered: dict[str, bytes]) -> None:
    """Pay again and again, noting every answer, until the other side is gone."""
    with httpx2.Client(timeout=30, headers=HEADERS) as client:
        at = 0
        while not gone.is_set():
            key = f"{name}-{at}"
            try:
                answer = client.post(f"{url}/authorisations", json=body(key, capture=True))
            except GONE:
                return
            assert answer.status_code == 201
            answered[key] = answer.content
            at += 1


def test_what_was_answered_is_in_the_book_once_and_a_repeat_finds_it(tmp_path: Path):
    answered: dict[str, bytes] = {}
    for cycle in range(CYCLES):
        gone = Event()
        with started(tmp_path) as program:
            url = f"http://127.0.0.1:{ports_of(program)['card']}"
            with ThreadPoolExecutor(CALLERS) as pool:
                names = [f"{cycle}-{caller}" for caller in range(CALLERS)]
                working = [pool.submit(pay_until, gone, url, one, answered) for one in names]
                before = len(answered)
                while len(answered) < before + CALLS_BEFORE_THE_END:
                    assert not any(one.done() for one in working), program.output
                program.kill()
                gone.set()
                for one in working:
                    one.result(60)
    assert len(answered) >= CYCLES * CALLS_BEFORE_THE_END
    with started(tmp_path) as program:
        ports = ports_of(program)
        with httpx2.Client(timeout=30, headers=HEADERS) as client:
            for key, content in answered.items():
                again = client.post(
                    f"http://127.0.0.1:{ports['card']}/authorisations",
                    json=body(key, capture=True),
                )
                assert (again.content, again.headers["replayed"]) == (content, "true")
                desk = f"http://127.0.0.1:{ports['inspection']}"
                assert client.get(f"{desk}/charges", params={"key": key}).json()["charges"] == 1
            unknown = client.get(f"{desk}/charges", params={"key": "nobody"})
            assert unknown.json() == {"charges": 0, "payments": []}
    with sqlite3.connect(tmp_path / "book.sqlite") as book:
        (sound,) = book.execute("PRAGMA integrity_check").fetchone()
        doubled = book.execute(
            "SELECT key FROM movement WHERE kind = 'charge' GROUP BY key HAVING count(*) > 1"
        ).fetchall()
    assert (sound, doubled) == ("ok", [])

"""Receipts: what signing one for every payment costs, and how long a stranger waits for a verdict.

Three platforms take turns on one server: one issues no receipts, one compact ones, one those with
ML-DSA-87 on each. A stretch counts with the receipts it leaves behind: payments are divided by the
time until the last of their receipts stood in the queue, if that took longer than a second.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, LiteralString

import msgspec
from psycopg import AsyncConnection

from bench import paying
from bench.far import CONNECTIONS, WARM_CONNECTIONS, Pressed
from bench.measure import Sample, Subject, median, ratio
from bench.process import HOST, ChildFailed
from bench.product import publishable_and_secret
from bench.run import Run

WITH: Final = "payments_with_receipts_vs_without"
DUAL: Final = "payments_with_dual_receipts_vs_without"
VERIFY: Final = "verify_receipt_s"
SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "without": {"RECEIPTS": "none"},
    "compact": {"RECEIPTS": "compact"},
    "full": {"RECEIPTS": "full"},
}
BACKLOG_SECONDS_MAX: Final = 1.0
ISSUED_SECONDS_MAX: Final = 120.0
RUNS: Final = 15
VERDICTS: Final = 5
WAITING: Final[LiteralString] = """
    SELECT (SELECT count(*) FROM payments.payment WHERE captured = amount)
        - (SELECT count(*) FROM receipts.receipt WHERE NOT added)
"""
UNSTORED: Final[LiteralString] = """
    SELECT (SELECT count(*) FROM receipts.receipt) - (SELECT count(*) FROM receipts.stored_receipt)
"""


async def measure_receipts(run: Run) -> None:
    """Take the measures of receipts that are wanted."""
    names = [
        name for name in SETTINGS
        if run.wants(WITH) or (run.wants(DUAL) and name != "compact")
        or (run.wants(VERIFY) and name == "compact")
    ]  # fmt: skip
    if not run.wants(DUAL) and "full" in names:
        names.remove("full")
    async with AsyncExitStack() as stack:
        shops: dict[str, paying.Shop] = {}
        for name in names:
            run.options.tell(f"starting a platform, receipts: {SETTINGS[name]['RECEIPTS']}")
            made = paying.ours(run.server, run.folder, f"receipts_{name}", SETTINGS[name])
            shops[name] = await stack.enter_async_context(made)
        if run.wants(WITH) or run.wants(DUAL):
            await _compared(run, shops)
        if run.wants(VERIFY):
            sample = await _verdicts(run, shops["compact"], run.folder / "receipts_compact")
            run.keep(VERIFY, sample.value, verdicts=[sample])


async def _compared(run: Run, shops: Mapping[str, paying.Shop]) -> None:
    pressed = {name: Pressed(run, shop.service) for name, shop in shops.items()}
    for name, shop in shops.items():
        await pressed[name].press(shop.plan, WARM_CONNECTIONS, 1.0)

    def subject(name: str) -> Subject:
        async def stretch() -> Sample:
            return await _stretch(run, shops[name], pressed[name], issues=name != "without")

        return stretch

    taken = await run.turns({name: subject(name) for name in shops}, run.size.far_seconds)
    for target, name in ((WITH, "compact"), (DUAL, "full")):
        if run.wants(target) and name in taken:
            pair = {name: taken[name], "without": taken["without"]}
            run.keep(target, ratio(taken[name], taken["without"]), **pair)
    for name, shop in shops.items():
        run.problems.extend(await shop.faults(pressed[name].accepted))
        if name != "without" and (left := await _counted(shop.dsn, UNSTORED)):
            run.problems.append(f"{name}: {left} receipts were not stored")


async def _stretch(run: Run, shop: paying.Shop, pressed: Pressed, *, issues: bool) -> Sample:
    """Take payments for a while; receipts that come late make the stretch longer."""
    sample = await pressed.press(shop.plan, CONNECTIONS, run.size.stretch_seconds)
    if not issues:
        return sample
    ended = time.monotonic()
    while await _counted(shop.dsn, WAITING) > 0:
        if time.monotonic() - ended > ISSUED_SECONDS_MAX:
            run.problems.append(f"{shop.service.name}: receipts were not issued in time")
            break
        await asyncio.sleep(0.05)
    late = time.monotonic() - ended
    seconds = sample.seconds + max(0.0, late - BACKLOG_SECONDS_MAX)
    facts = {**sample.facts, "backlog_seconds": round(late, 2)}
    return Sample(sample.value * sample.seconds / seconds, seconds, facts)


async def _verdicts(run: Run, shop: paying.Shop, data: Path) -> Sample:
    """Let the verifier judge one receipt again and again, each time in a new process."""
    _, secret = publishable_and_secret(data)
    keys, file = run.folder / "keys.json", run.folder / "receipt.json"
    keys.write_bytes(await asyncio.to_thread(_got, shop.service.port, "/audit/keys", secret))
    file.write_bytes(await asyncio.to_thread(_file, shop.service.port, secret))
    command = [sys.executable, "-m", "bezant_verify.main", "receipt", str(file)]
    command += ["--keys", str(keys), "--json"]
    times: list[Sample] = []
    for _ in range(RUNS if not run.options.quick else VERDICTS):
        began = time.monotonic()
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        seconds = time.monotonic() - began
        if done.returncode:
            raise ChildFailed(f"the receipt was not found valid: {done.stdout.decode()}")
        times.append(Sample(seconds, seconds, {}))
    facts = {"runs": len(times), "bytes": file.stat().st_size}
    return Sample(median(times), sum(one.seconds for one in times), facts)


def _file(port: int, secret: str) -> bytes:
    """Return the newest receipt's file, once the log's proof is in it."""
    until = time.monotonic() + ISSUED_SECONDS_MAX
    while time.monotonic() < until:
        listed = msgspec.json.decode(_got(port, "/v1/receipts?limit=1", secret))
        if listed["data"]:
            content = _got(port, f"/v1/receipts/{listed['data'][0]['id']}/file", secret)
            if b'"proof":' in content:
                return content
        time.sleep(0.2)
    raise ChildFailed("no receipt was recorded")


def _got(port: int, path: str, secret: str) -> bytes:
    connection = HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise ChildFailed(f"{path} was answered {answer.status}: {content.decode()}")
    return content


async def _counted(dsn: str, question: LiteralString) -> int:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (await connection.execute(question)).fetchone()
        assert row is not None
        return int(row[0])

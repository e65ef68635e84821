"""`bezant bench proof`: what proving costs, and what checking a proof costs a stranger.

The log's measures run in this process on a durable server beside pgbench; a stranger's run as a
stranger would, with the verifier and the files alone.
"""

import os
import tempfile
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import uvloop

from bench import proof_log, proof_receipts
from bench.measure import Fact, Options, Result, Sample, Subject, machine, ratio
from bench.pgbench import CLIENTS, THREADS, Pgbench
from bench.proof_targets import BY_ID
from bench.run import ORDINARY, QUICK, Run, Size
from bench.server import durable_server

APPEND = "log_append_vs_tpcb"
INCLUSION = "inclusion_p99_ms"
READING = "verify_log_vs_sha256"
SIGNING = "hsm_sign_p99_ms"
SIGNING_SECONDS_QUICK, SIGNING_SECONDS = 3.0, 20.0
APPEND_SECONDS_QUICK, APPEND_SECONDS = 15.0, 120.0
QUICK_HERE = replace(QUICK, far_seconds=30.0)  # There is more to do than rounds of payments.


@dataclass(frozen=True, slots=True)
class LogSize:
    """How large the log is that is measured."""

    entries: int = proof_log.ENTRIES
    appends: int = proof_log.APPENDS
    proofs: int = proof_log.PROOFS
    read: int = proof_log.READ


WHOLE = LogSize()


class UnknownMeasure(ValueError):
    """There is no measure of this name."""


def run(options: Options) -> Result:
    """Run the benchmark, or the part of it that was asked for."""
    if options.only is not None and options.only not in BY_ID:
        raise UnknownMeasure(f"{options.only} is not one of: {', '.join(BY_ID)}")
    return uvloop.run(measure(options, QUICK_HERE if options.quick else ORDINARY))


async def measure(options: Options, size: Size, log: LogSize = WHOLE) -> Result:
    """Run at a size. Everything made on the way is gone afterwards."""
    described, began = machine(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"bezant-bench-{os.getpid()}-") as scratch:
        folder = Path(scratch)
        async with durable_server(folder / "server") as server:
            yard = Pgbench(await server.create("yard"), size.scale)
            options.tell(f"filling pgbench's tables, scale {size.scale}")
            await yard.fill()
            current = Run(options, size, folder, server, yard, began, targets=BY_ID)
            described |= await _yardstick(current)
            await _appends(current, log)
            await _reading(current, log)
            await _signing(current)
            await proof_receipts.measure_receipts(current)
            return Result("proof", described, current.measures(), tuple(current.problems))


async def _yardstick(run: Run) -> dict[str, Fact]:
    first = await run.tpcb()
    return {
        **await run.server.settings(),
        "pgbench": f"tpcb-like, scale {run.size.scale}, {CLIENTS} clients, {THREADS} threads,"
        " prepared",
        "pgbench_first_tps": round(first.value),
        "stretch_seconds": run.size.stretch_seconds,
    }


async def _appends(run: Run, log: LogSize) -> None:
    """Let the log and pgbench take turns."""
    if not run.wants(APPEND):
        return

    async def appended() -> Sample:
        return await proof_log.appends_per_second(run.server, run.folder, log.appends)

    subjects: dict[str, Subject] = {"tpcb": run.tpcb, "appends": appended}
    seconds = APPEND_SECONDS_QUICK if run.options.quick else APPEND_SECONDS
    taken = await run.turns(subjects, seconds)
    run.keep(APPEND, ratio(taken["appends"], taken["tpcb"]), **taken)


async def _reading(run: Run, log: LogSize) -> None:
    """Ask for proofs, and read a log as a stranger does."""
    if run.wants(INCLUSION):
        run.options.tell(f"filling a log with {log.entries:,} entries")
        sample = await proof_log.inclusion_p99_ms(run.server, run.folder, log.entries, log.proofs)
        run.keep(INCLUSION, sample.value, proofs=[sample])
    if run.wants(READING):
        sample = await proof_log.verify_against_sha256(run.server, run.folder, log.read)
        run.keep(READING, sample.value, read=[sample])


async def _signing(run: Run) -> None:
    """Let many callers sign with keys that stay in a token."""
    if not run.wants(SIGNING):
        return
    if find_spec("pkcs11") is None:
        run.missing[SIGNING] = "python-pkcs11 is not installed"
        return
    from bench import proof_keys  # noqa: PLC0415 - only where its library is

    if not proof_keys.is_there():
        run.missing[SIGNING] = "SoftHSM is not installed"
        return
    seconds = SIGNING_SECONDS_QUICK if run.options.quick else SIGNING_SECONDS
    sample = await proof_keys.hsm_sign_p99_ms(run.server, run.folder / "token", seconds)
    run.keep(SIGNING, sample.value, signatures=[sample])

"""`bezant bench ledger`: the book against pgbench, against the ordinary ways, and against itself.

One server, durable; systems take turns on it. First the ledger is pressed in this process, then the
whole platform over HTTP beside the two baselines. After that every book is checked: one fault and
the run is invalid.
"""

import os
import tempfile
import time
from pathlib import Path

import uvloop

from bench.far import measure_far
from bench.load import generator
from bench.measure import Fact, Options, Result, machine
from bench.near import measure_grown, measure_near
from bench.pgbench import CLIENTS, THREADS, Pgbench
from bench.run import ORDINARY, QUICK, Run, Size
from bench.server import durable_server
from bench.targets import BY_ID


class UnknownMeasure(ValueError):
    """There is no measure of this name."""


def run(options: Options) -> Result:
    """Run the benchmark, or the part of it that was asked for."""
    if options.only is not None and options.only not in BY_ID:
        raise UnknownMeasure(f"{options.only} is not one of: {', '.join(BY_ID)}")
    return uvloop.run(measure(options, QUICK if options.quick else ORDINARY))


async def measure(options: Options, size: Size) -> Result:
    """Run at a size. Everything made on the way is gone afterwards."""
    described, began = machine(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"bezant-bench-{os.getpid()}-") as scratch:
        folder = Path(scratch)
        async with durable_server(folder / "server") as server:
            yard = Pgbench(await server.create("yard"), size.scale)
            options.tell(f"filling pgbench's tables, scale {size.scale}")
            await yard.fill()
            current = Run(options, size, folder, server, yard, began)
            described |= await _yardstick(current)
            await measure_near(current)
            await measure_far(current)
            await measure_grown(current)
            return Result("ledger", described, current.measures(), tuple(current.problems))


async def _yardstick(current: Run) -> dict[str, Fact]:
    """Run pgbench once to warm the server, and describe what the numbers stand on."""
    first = await current.tpcb()
    return {
        **await current.server.settings(),
        "pgbench": f"tpcb-like, scale {current.size.scale}, {CLIENTS} clients, {THREADS} threads,"
        " prepared",
        "pgbench_first_tps": round(first.value),
        "load_generator": generator(),
        "accounts": current.size.accounts,
        "stretch_seconds": current.size.stretch_seconds,
    }

"""`bezant bench ledger`: the book against pgbench, against the ordinary ways, and against itself.

One server, durable; systems take turns on it. First the ledger is pressed in this process, then the
whole platform over HTTP beside the two baselines. After that every book is checked: one fault and
the run is invalid.
"""

import uvloop

from bench.far import measure_far
from bench.load import generator
from bench.measure import Fact, Options, Result
from bench.near import measure_grown, measure_near
from bench.run import ORDINARY, QUICK, Size, measured, refuse_unknown
from bench.targets import BY_ID


def run(options: Options) -> Result:
    """Run the benchmark, or the part of it that was asked for."""
    refuse_unknown(options, BY_ID)
    return uvloop.run(measure(options, QUICK if options.quick else ORDINARY))


async def measure(options: Options, size: Size) -> Result:
    """Run at a size."""
    facts: dict[str, Fact] = {"load_generator": generator(), "accounts": size.accounts}
    parts = (measure_near, measure_far, measure_grown)
    return await measured("ledger", options, size, BY_ID, parts, facts)

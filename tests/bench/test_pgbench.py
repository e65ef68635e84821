"""The yardstick: what pgbench says is read, and a run of it that failed is no yardstick."""

from pathlib import Path

import pytest
from bench.pgbench import Pgbench, latency_ms, read
from bench.process import ChildFailed
from tests.harness.cluster import TestDatabase

REPORT = """\
pgbench (18.6)
transaction type: <builtin: TPC-B (sort of)>
number of transactions actually processed: 60023
number of failed transactions: {failed} (0.000%)
latency average = 2.141 ms
initial connection time = 18.187 ms
tps = 7474.116468 (without initial connection time)
"""


def test_a_report_is_read() -> None:
    sample = read(REPORT.format(failed=0), 8)
    assert sample.value == 7474.116468
    assert latency_ms(sample) == 2.141
    assert sample.seconds == 8


@pytest.mark.parametrize("report", ["", "tps = 12", REPORT.format(failed=3)])
def test_a_report_that_is_strange_or_tells_of_failures_is_refused(report: str) -> None:
    with pytest.raises(ChildFailed):
        read(report, 8)


async def test_it_runs_tpcb_and_scripts_on_a_real_server(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    pgbench = Pgbench(empty_database.administrator_dsn, scale=1)
    await pgbench.fill()
    assert (await pgbench.run(1)).value > 0
    script = tmp_path / "one.sql"
    script.write_text("SELECT 1;\n")
    assert (await pgbench.run(1, script)).value > 0


async def test_a_script_that_fails_is_no_result(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    script = tmp_path / "broken.sql"
    script.write_text("SELECT 1 / 0;\n")
    with pytest.raises(ChildFailed):
        await Pgbench(empty_database.administrator_dsn, scale=1).run(1, script)

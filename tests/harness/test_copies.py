"""A copy of a loaded program is told apart from a fresh one by nobody."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.harness.copies import Start
from tests.harness.processes import ROOT, start_module

MODULE = "tests.harness.copied_program"
SECONDS = 60


def both(*words: str, typed: str = "") -> tuple[subprocess.CompletedProcess[str], ...]:
    """Run the program as a copy, and for real."""
    variables = {"PATH": "/usr/bin", "MARK": "1", "PYTHONUNBUFFERED": "1", "LC_CTYPE": "C.UTF-8"}
    real = subprocess.run(
        [sys.executable, "-m", MODULE, *words], cwd=ROOT, env=variables, input=typed,
        capture_output=True, text=True, timeout=SECONDS, check=False, start_new_session=True,
    )  # fmt: skip
    return Start(MODULE, words, ROOT, variables).finish(typed, SECONDS), real


@pytest.mark.parametrize("words", [("end", "0"), ("end", "4"), ("complain",), ("tell",)])
def test_it_ends_and_says_the_same(words: tuple[str, ...]):
    copy, real = both(*words, typed="hé\nllo")
    assert (copy.returncode, copy.stdout, copy.stderr) == (
        real.returncode, real.stdout, real.stderr,
    )  # fmt: skip
    if words == ("tell",):
        assert "'MARK'" in copy.stdout
        assert "'HOME'" not in copy.stdout


def test_what_it_raises_is_shown():
    copy, real = both("trip")
    assert copy.returncode == real.returncode == 1
    last = [done.stderr.strip().splitlines()[-1] for done in (copy, real)]
    assert last == ["RuntimeError: tripped"] * 2


def test_a_signal_that_ends_it_is_its_status():
    with start_module(MODULE, "stay") as program:
        program.wait_for_line()
        assert program.alive
        assert program.kill() == -signal.SIGKILL
    with start_module(MODULE, "stay") as program:
        program.wait_for_line()
        program.signal(signal.SIGTERM)
        assert program.wait() == 3


def test_one_that_does_not_end_in_time_is_ended(tmp_path: Path):
    with pytest.raises(subprocess.TimeoutExpired):
        Start(MODULE, ("stay",), ROOT, {}).finish("", 0.5)

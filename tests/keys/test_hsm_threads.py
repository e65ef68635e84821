"""A module used by many threads: begun for them, and never crowded while a key is made."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.keys.softhsm import LABEL, PIN, SoftHsm, module

pytestmark = pytest.mark.system


def test_the_module_is_told_that_there_are_threads(hsm: SoftHsm) -> None:
    """In a process of its own, because the way of python-pkcs11 may end it."""
    assert _said("hsm_threads.py") == "320 signatures"


@pytest.mark.catalogue("T82")
def test_keys_are_made_and_erased_while_others_are_at_work(hsm: SoftHsm) -> None:
    said = {how: _said("hsm_makers.py", how) for how in ("alone", "crowded")}

    wrong, made, *_ = said["alone"].split("\n")
    assert wrong == "0 wrong", said
    assert made.startswith("120 made ")
    # The control: made in the midst of others, as the module would let us, some turn out wrong.
    assert not said["crowded"].startswith("0 wrong")


def _said(program: str, *words: str) -> str:
    """Run a program beside these tests on the token, and return what it said."""
    text = (Path(__file__).parent / program).read_text()
    ran = subprocess.run(
        [sys.executable, "-c", text, module(), LABEL, PIN, *words],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()

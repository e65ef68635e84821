"""The verifier as a stranger installs it: its wheel, cryptography, and nothing else of ours."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import cryptography
import pytest
from tests.verify.test_receipts import KEYS, MADE

VERIFY = Path(__file__).parents[2] / "verify"
NEEDED = ("cryptography", "cffi", "pycparser")
"""What pip brings along with cryptography."""
RUN = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); "
    "runpy.run_module('bezant_verify.main', run_name='__main__')"
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what pip would have put into an empty environment."""
    folder = tmp_path_factory.mktemp("stranger")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=VERIFY, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    place = folder / "installed"
    with zipfile.ZipFile(wheel) as content:
        content.extractall(place)
    found = Path(cryptography.__file__).parents[1]
    for path in found.iterdir():
        if path.name in NEEDED or path.name.startswith("_cffi_backend"):
            (place / path.name).symlink_to(path)
    return place


def asked(environment: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # -S: this process's own packages are not there; -E: nor what variables name.
    return subprocess.run(
        [sys.executable, "-S", "-E", "-c", RUN, str(environment), *words],
        capture_output=True, text=True, timeout=60, check=False, cwd=environment,
    )  # fmt: skip


@pytest.mark.requirement("S004-2", part="the verifier alone in an empty environment")
def test_pip_alone_is_enough_to_check_a_receipt(environment: Path):
    receipt, keys = MADE / "compact.receipt.json", ("--keys", str(KEYS))

    valid = asked(environment, "receipt", str(receipt), *keys)
    (environment / "forged.json").write_bytes(receipt.read_bytes().replace(b"index 2", b"index 3"))
    forged = asked(environment, "receipt", str(environment / "forged.json"), *keys)

    assert (valid.returncode, valid.stdout.split()[0]) == (0, "valid"), valid.stderr
    assert forged.returncode == 1, forged.stdout


def test_nothing_of_the_server_is_in_reach_there(environment: Path):
    program = "import sys; sys.path.append(sys.argv[1]); import bezant"
    ran = subprocess.run(
        [sys.executable, "-S", "-E", "-c", program, str(environment)],
        capture_output=True, text=True, timeout=60, check=False, cwd=environment,
    )  # fmt: skip
    assert "No module named 'bezant'" in ran.stderr


def test_its_wheel_asks_for_cryptography_and_no_more(environment: Path):
    (metadata,) = environment.glob("*.dist-info/METADATA")
    told = email.message_from_string(metadata.read_text())
    needs = told.get_all("Requires-Dist") or []
    assert [one.split(">=")[0] for one in needs] == ["cryptography"]

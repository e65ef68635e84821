"""Programs of others read what we publish: Go's packages for notes, cosignatures and proofs, and
jose and jwcrypto for signatures over JSON.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.verify.test_browser import node, ran
from tests.verify.test_receipts import FILES, KEYS, MADE

assert node, "a fixture with the packages from npm"

HERE = Path(__file__).parent / "stranger"


@pytest.mark.system
def test_gos_packages_believe_our_checkpoint_and_our_proof(tmp_path: Path):
    program = tmp_path / "stranger"
    subprocess.run(
        ["go", "build", "-o", str(program), "."], cwd=HERE, check=True, timeout=600,
        env=os.environ | {"GOFLAGS": "-mod=readonly"},
    )  # fmt: skip
    sound = (MADE / "entry.tlog-proof").read_bytes()
    assert asked(program, sound).returncode == 0, asked(program, sound).stderr
    for at in (sound.index(b"index 2") + 6, sound.index(b"\n5\n") + 1, len(sound) - 10):
        changed = bytearray(sound)
        changed[at] ^= 1
        assert asked(program, bytes(changed)).returncode == 1


def asked(program: Path, proof: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(program), str(MADE / "keys.json")], input=proof, capture_output=True, check=False
    )


@pytest.mark.system
@pytest.mark.requirement("S004-2", "G2")
def test_jose_believes_the_classical_signature_of_our_receipts(node: Path):
    told = json.loads(ran("node", "jose.mjs", str(MADE), at=node))
    assert {one["name"] for one in told} == set(FILES[:2])
    for one in told:
        assert (one["typ"], one["refused"]) == ("bezant-receipt+jws", True)
        assert one["claims"]["v"] == 1


@pytest.mark.system
@pytest.mark.catalogue("T88")
def test_jwcrypto_believes_every_signature_of_a_full_receipt(tmp_path: Path):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--target", str(tmp_path)]
    subprocess.run([*command, "-r", str(HERE / "jwcrypto.txt")], check=True, timeout=300)
    done = subprocess.run(
        [sys.executable, str(HERE / "judge.py"), str(MADE / FILES[1]), str(KEYS)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert sorted(json.loads(done.stdout)) == [["ES256", True, False], ["ML-DSA-87", True, False]]

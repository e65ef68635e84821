"""Programs of others read what we publish: Go's packages for notes, cosignatures and proofs."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.verify.test_receipts import MADE

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

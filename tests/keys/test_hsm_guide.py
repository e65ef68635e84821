"""The program in the guide does what the guide says, on a token as the platform makes it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.house.documents import blocks, documents
from tests.keys.softhsm import PIN, module

from bezant.keys import KeySpec, Purpose
from bezant.keys.pkcs11 import Pkcs11Provider

pytestmark = pytest.mark.system


@pytest.mark.requirement("S000-9", part="the example of the guide")
async def test_the_guides_example_signs_with_the_key_the_platform_made(
    token: Pkcs11Provider, tmp_path: Path
) -> None:
    (page,) = [one for one in documents() if str(one.path) == "docs/guides/hsm.md"]
    (program,) = [block.body for block in blocks(page) if block.language == "python"]
    await token.generate(KeySpec.RSA3072, Purpose.SIGN, "payment-signing-key")

    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SOFTHSM_MODULE": module(), "SOFTHSM_USER_PIN": PIN},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ran.stdout.strip() == "384 bytes that only this token can make", ran.stderr

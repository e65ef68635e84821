"""The subject of a commit says where and what, shortly and in the present tense."""

from pathlib import Path

import pytest
from tests.house.subject import complaints, main


@pytest.mark.parametrize(
    "message",
    [
        "ledger: refuse a leg that moves nothing",
        "ledger, http: answer a frozen account with its name\n\nThe body says why.",
        "cli: `up` names the port that is taken",
        'Revert "ledger: refuse a leg that moves nothing"',
    ],
)
def test_a_good_subject_passes(message: str):
    assert list(complaints(message)) == []


@pytest.mark.parametrize(
    "message",
    [
        "",
        "fix",
        "Ledger: refuse a leg",
        "ledger: Refuse a leg",
        "ledger: refuse a leg.",
        "ledger:refuse a leg",
        "ledger: fixed the leg",
        "ledger: fixes the leg",
        "ledger: refuse " + "x" * 65,
        "ledger: refuse a leg\nThe body without a line between.",
    ],
)
def test_a_bad_subject_is_told(message: str, tmp_path: Path):
    assert list(complaints(message))
    file = tmp_path / "message"
    file.write_text(message)
    assert main([str(file)]) == 1

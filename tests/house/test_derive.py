"""The derived pages are what the code says today: errors, permissions, profiles, settings,
commands, coverage.
"""

from pathlib import Path

import pytest
from tests.house import derive
from tests.house.derive import all_errors, derived, main, route_table, stale


def test_every_committed_page_is_the_derived_one():
    assert stale() == [], "run `make docs`"


def test_every_code_is_on_the_page_of_errors():
    page = derived()["docs/reference/errors.md"]
    missing = [error.code for error in all_errors() if f"| `{error.code}` |" not in page]
    assert missing == []


def test_every_route_is_on_the_page_of_permissions():
    page = derived()["docs/reference/permissions.md"]
    assert len(route_table()) > 20
    for row in route_table():
        assert f"| `{row.method} {row.path}` | `{row.permission}` |" in page


def test_no_room_is_left_out_of_the_routes():
    known = {f"{row.method} {row.path}" for row in route_table()}
    assert known >= {
        "GET /.well-known/openid-configuration",
        "GET /signed-in-at/{issuer}",
        "GET /v1/signers",
        "GET /v1/passkeys",
        "GET /checkout/{id}",
        "POST /join",
        "GET /v1/accounts",
    }


def test_a_page_that_was_edited_by_hand_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(derive, "ROOT", tmp_path)
    monkeypatch.setattr(derive, "derived", lambda: {"docs/reference/errors.md": "right\n"})
    file = tmp_path / "docs/reference/errors.md"
    file.parent.mkdir(parents=True)
    file.write_text("right, and something by hand\n")
    assert main(["--check"]) == 1
    assert file.read_text() != "right\n"
    assert main([]) == 0
    assert (stale(), file.read_text()) == ([], "right\n")
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == "docs/reference/errors.md\n" * 2

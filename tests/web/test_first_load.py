"""What the office loads before anybody sees it stays as small as it was."""

import json
from typing import Any

import pytest
from tests.harness.browser import ROOT

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
OFFICE_FIRST_BYTES_MAX = 200_000  # It was 174,000 gzipped when this bound was chosen.
OFFICE_PAGE_BYTES_MAX = 6_000  # Of one page of it, loaded when somebody opens that.
DRAWING = "office-drawing"  # What draws charts is larger than all else, and loaded by them alone.


@pytest.fixture(name="built")
def given_built() -> dict[str, Any]:
    return json.loads((ROOT / "src/bezant/web/static/pages/pages.json").read_text())


def sizes(built: dict[str, Any], files: set[str]) -> dict[str, int]:
    return {
        one: built["files"][one]["bytes_gzipped"] for one in files if one.endswith((".js", ".css"))
    }


def test_the_offices_first_load_stays_small(built: dict[str, Any]) -> None:
    page = built["pages"]["office"]
    first = sizes(built, {page["script"], page["first"], *page["preloads"]})
    assert 50_000 < sum(first.values()) <= OFFICE_FIRST_BYTES_MAX, first
    assert not [one for one in first if one.startswith(DRAWING)]


def test_no_page_of_the_office_is_large_by_itself(built: dict[str, Any]) -> None:
    page = built["pages"]["office"]
    later = sizes(built, {*page["later"]} - {page["script"]})
    pages = {one: size for one, size in later.items() if not one.startswith(DRAWING)}
    assert len(pages) > 20, "every page is loaded by itself"
    assert {one: size for one, size in pages.items() if size > OFFICE_PAGE_BYTES_MAX} == {}
    assert len(pages) < len(later), "the drawing engine is among what comes later"

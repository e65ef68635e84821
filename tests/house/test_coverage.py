"""The coverage page claims what tests show, and nothing else."""

import re

import pytest
from tests.house.coverage import coverage_page, families, known, marks, unknown
from tests.house.derive import shown_by_tests
from tests.house.tree import planted

FAMILIES = {"S000": 16, "S001": 10, "S002": 9, "S003": 7, "S004": 7}


def shown(text: str):
    return list(marks(planted("tests/ledger/test_a.py", text)))


def row(page: str, requirement: str) -> str:
    (found,) = re.findall(rf"^\| {requirement} \|.*$", page, re.MULTILINE)
    return found


def test_every_requirement_is_listed():
    expected = {f"{name}-{at}" for name, count in FAMILIES.items() for at in range(1, count + 1)}
    expected |= {f"G{at}" for at in range(1, 10)} | {f"J{at}" for at in range(1, 16)}
    assert known() == expected
    assert sum(len(family.titles) for family in families()) == len(expected)


def test_every_mark_names_a_requirement_that_exists():
    assert unknown(shown_by_tests()) == []


def test_a_mark_for_the_whole_makes_it_work():
    page = coverage_page(shown('@pytest.mark.requirement("S003-5", whole=True)\ndef test_a(): ...'))
    assert "| works | `ledger/test_a.py` |" in row(page, "S003-5")
    assert "1 works, 0 partly, 72 planned" in page


def test_a_mark_for_a_part_makes_it_partly_work():
    page = coverage_page(shown('pytestmark = pytest.mark.requirement("S001-4", part="books")'))
    assert "| partly: books |" in row(page, "S001-4")


def test_a_bare_mark_never_claims_the_whole():
    page = coverage_page(shown('@pytest.mark.requirement("S001-4")\ndef test_a(): ...'))
    assert "| partly: ledger |" in row(page, "S001-4")


def test_parts_do_not_add_up_to_the_whole():
    text = '@pytest.mark.requirement("G2", part="{}")\ndef test_a(): ...\n'
    page = coverage_page(shown(text.format("signature") + text.format("witness")))
    assert "| partly: signature; witness |" in row(page, "G2")


def test_nothing_marked_is_planned():
    page = coverage_page([])
    assert "| planned |  |" in row(page, "J15")
    assert f"0 works, 0 partly, {len(known())} planned" in page


def test_several_ids_in_one_mark_count_each():
    page = coverage_page(shown('@pytest.mark.requirement("G1", "G2")\ndef test_a(): ...'))
    assert "partly" in row(page, "G1")
    assert "partly" in row(page, "G2")


@pytest.mark.parametrize("mark", ['"S009-1"', '"s003-5"', '"S003-05"'])
def test_a_mark_for_nothing_is_caught(mark: str):
    assert unknown(shown(f"@pytest.mark.requirement({mark})\ndef test_a(): ..."))


@pytest.mark.parametrize(
    "mark",
    ["NAME", '"G1", part=""', "1", '"G1", part=PART', '"G1", whole="yes"', '"G1", wole=True'],
)
def test_a_mark_that_cannot_be_read_is_refused(mark: str):
    with pytest.raises(ValueError, match="a mark has ids"):
        shown(f"@pytest.mark.requirement({mark})\ndef test_a(): ...")

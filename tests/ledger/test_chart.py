"""The page about the chart of accounts says what the chart says."""

from tests.house.tree import ROOT

from bezant.ledger.chart import CHART

PAGE = ROOT / "docs/concepts/chart-of-accounts.md"


def test_every_account_of_the_chart_stands_on_its_page_as_it_is():
    page = PAGE.read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{one.name}` | {one.type.value} |{cell(one.of)}|{cell('yes' if one.clears else '')}|"
        f" {one.meaning} |"
        for one in CHART.values()
    ]


def test_every_account_of_the_chart_is_in_a_picture_or_explained():
    below = PAGE.read_text().partition("## A card payment")[2]
    assert [name for name in CHART if name not in below] == []


def cell(text: str) -> str:
    return f" {text} " if text else " "

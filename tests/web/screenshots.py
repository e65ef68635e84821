"""Draws every page in light and dark: `python -m tests.web.screenshots [FOLDER]`.

The pictures are for eyes, before a release; nothing compares them. `--docs` draws the two that
stand in the README instead, small.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, expect
from tests.cli.running import Nest
from tests.harness.browser import ROOT, build_pages, open_browser, visiting
from tests.journeys.house import House, open_house
from tests.web import test_developers_pages as developers
from tests.web import test_office_looks as office
from tests.web import test_operations_pages as operations
from tests.web.clerk import STILL, at_office
from tests.web.conftest import MANNERS
from tests.web.test_states import every_state, said

SCHEMES: Final = ("light", "dark")
PAYERS: Final = {"width": 420, "height": 860}
SMALL: Final = {"width": 1120, "height": 700}
PICTURES: Final = ROOT / "docs" / "pictures"
PICTURE_BYTES_MAX: Final = 120_000


def main(arguments: list[str]) -> int:
    """Draw the pages."""
    for_docs = "--docs" in arguments
    named = [one for one in arguments if not one.startswith("--")]
    folder = PICTURES if for_docs else Path(named[0]) if named else ROOT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    build_pages()
    with shop_and_browser() as (shop, browser):
        if for_docs:
            draw_for_docs(shop, browser, folder)
        else:
            draw_checkout(shop, browser, folder)
            draw_office(shop, browser, folder)
    sys.stdout.write(f"{folder}\n")
    return 0


@contextmanager
def shop_and_browser() -> Iterator[tuple[House, Browser]]:
    """Open a demo of its own, and a browser."""
    with tempfile.TemporaryDirectory() as place:
        nest = Nest(Path(place))
        try:
            with open_house(nest, **MANNERS) as shop, open_browser() as browser:
                yield shop, browser
        finally:
            nest.clear()


def draw_checkout(shop: House, browser: Browser, folder: Path) -> None:
    """Draw every state of the payer's page."""
    states = every_state(shop)
    for scheme in SCHEMES:
        how = {"viewport": PAYERS, "color_scheme": scheme, "reduced_motion": "reduce"}
        with visiting(browser, shop.url, **how) as watched:
            for name, state in states.items():
                page = watched.page
                page.goto("about:blank")  # Else an address that differs behind the # loads nothing.
                address, _, secret = state.url.partition("#")
                page.route("**/v1/checkout_sessions/**", state.answer)
                page.goto(f"{address}{'&' if '?' in address else '?'}lang=en#{secret}")
                expect(page.get_by_text(said("en", state.title)).first).to_be_visible()
                draw(page, folder / f"checkout-{name.replace(' ', '-')}-{scheme}.png")
                page.unroute_all(behavior="wait")
                page.evaluate("sessionStorage.clear()")


def draw_office(shop: House, browser: Browser, folder: Path) -> None:
    """Draw every page of the office, as its people see it."""
    of_merchant = [
        *office.every_page(shop), *developers.every_page(shop), *operations.OF_MERCHANTS,
    ]  # fmt: skip
    platform = operations.joined_platform(shop)
    for scheme in SCHEMES:
        for mail, paths in (("", of_merchant), (platform, operations.OF_PLATFORM)):
            of = "platform" if mail else "office"
            with at_office(browser, shop, mail, color_scheme=scheme) as clerk:
                for place, path in enumerate(paths):
                    clerk.go(path)
                    name = path.strip("/").partition("/")[0] or "home"
                    draw(clerk.page, folder / f"{of}-{place:02}-{name}-{scheme}.png")


def draw_for_docs(shop: House, browser: Browser, folder: Path) -> None:
    """Draw the two pictures of the README."""
    for amount, words in (
        ("19.99 EUR", "A weighing scale"), ("249.00 EUR", "A brass balance"),
        ("1999 JPY", "Postage"), ("8.50 EUR", "Weights, a set"), ("64.00 EUR", "A ledger"),
    ):  # fmt: skip
        shop.pay(amount, description=words)
    with at_office(browser, shop, viewport=SMALL) as clerk:
        clerk.go("/payments")
        draw(clerk.page, folder / "office.png", whole=False)
    session = shop.told(
        "POST",
        "/v1/checkout_sessions",
        {"amount": {"amount": "19.99", "asset": "EUR"}, "description": "A weighing scale"},
    )
    with visiting(browser, shop.url, viewport=PAYERS, color_scheme="light") as watched:
        watched.page.goto(session["url"])
        expect(watched.page.get_by_label("Card number")).to_be_visible()
        draw(watched.page, folder / "checkout.png", whole=False)
    for picture in folder.glob("*.png"):
        assert picture.stat().st_size < PICTURE_BYTES_MAX, picture


def draw(page: Page, path: Path, *, whole: bool = True) -> None:
    """Draw a page once nothing on it moves."""
    page.evaluate(STILL)
    page.screenshot(path=path, full_page=whole)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

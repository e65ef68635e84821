"""Somebody at work in the office: what they see and press, by the names a screen reader tells."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect
from tests.harness.browser import WAIT_MILLISECONDS, Watched, clipped, complaints, visiting
from tests.journeys.house import PASSWORD, House

STILL = """
async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const ends = (one) => one.effect.getComputedTiming().iterations !== Infinity;
  document.getAnimations().filter(ends).forEach((one) => one.finish());
}
"""
LOADING = re.compile("^(Loading|Wird geladen|جارٍ التحميل)$")
NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 900}
OWN_REFUSALS = ("Failed to load resource",)  # A browser says so of every 401 and 404 it is told.
expect.set_options(timeout=WAIT_MILLISECONDS)


@dataclass
class Clerk:
    """Somebody with a browser on the office."""

    shop: House
    watched: Watched

    @property
    def page(self) -> Page:
        return self.watched.page

    def go(self, path: str) -> None:
        """Open a page by its address, and wait until it is all there."""
        self.page.goto(f"{self.shop.url}/office{path}")
        self.settled()

    def settled(self) -> None:
        """Wait until nothing on the page is loading."""
        expect(self.page.locator("h1")).to_be_visible()
        expect(self.page.get_by_text(LOADING)).to_have_count(0)

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def rows(self) -> Locator:
        """Return the rows of the list."""
        return self.page.locator("tbody tr", has=self.page.locator("[data-row-link]"))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, target: Locator, tabs_max: int = 80) -> None:
        """Go by keyboard alone to something on the page."""
        for _ in range(tabs_max):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached by keyboard")

    def looks_right(self) -> None:
        """Demand that anybody can use the page as it stands, and that it asked nobody else."""
        self.page.evaluate(STILL)
        found = {
            "axe": complaints(self.page),
            "clipped": clipped(self.page),
            "asked of others": self.watched.outside,
            "refused by the policy": self.watched.refused(),
        }
        assert not any(found.values()), f"{self.page.url}: {found}"


@contextmanager
def at_office(
    browser: Browser, shop: House, email: str = "", password: str = PASSWORD, **settings: Any
) -> Iterator[Clerk]:
    """Let somebody sign in; the shop's owner unless somebody else is named."""
    if not email:
        email, password = shop.sample["email"], shop.sample["password"]
    # Nothing is looked at halfway between two colours.
    settings = {"viewport": WIDE, "reduced_motion": "reduce", **settings}
    with visiting(browser, shop.url, **settings) as watched:
        clerk = Clerk(shop, watched)
        watched.page.goto(f"{shop.url}/office")
        sign_in(watched.page, email, password)
        expect(watched.page.locator("#main")).to_be_visible()
        yield clerk
        assert [one for one in watched.said if not one.startswith(OWN_REFUSALS)] == []


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the way in, whatever language it speaks."""
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()


def joined(shop: House, role: str) -> str:
    """Let somebody join the shop with this role; return their address."""
    mail = f"{shop.fresh(role)}@shop.example"
    wish = {"email": mail, "role": role}
    invited = shop.told("POST", "/v1/invitations", wish, by=shop.owner("test"))
    accepted = {"token": invited["token"], "name": f"{role} person", "password": PASSWORD}
    shop.told("POST", "/v1/invitations/accept", accepted, by={"accept": "application/json"})
    return mail

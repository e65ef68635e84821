"""A browser in front of a platform: the system's Chromium, driven by Playwright.

Only tests marked `system` use it. A page is watched from its first moment: what it asked of others,
what its policy refused, and what it complained about.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), "")
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
BUILD_SECONDS_MAX = 900
WAIT_MILLISECONDS = 45_000  # The machine may be busy; a test that waits too long still fails.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--lang=en")
HEARS = """
window.__refused = [];
addEventListener("securitypolicyviolation", (event) =>
  window.__refused.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
LOOKS = """
async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .filter((one) => one.impact === "serious" || one.impact === "critical")
  .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html.slice(0, 120))}`)
"""
CLIPPED = """
() => [...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  const shown = box.width > 1 && box.height > 1 && getComputedStyle(one).visibility !== "hidden";
  return shown && (box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5);
}).map((one) => `${one.tagName} ${one.textContent.slice(0, 40)}`)
"""


def build_pages() -> None:
    """Build the pages as `make ui` does; nothing to do if they are built."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "ui" / "make" / "build.py")],
        capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def open_browser(*arguments: str) -> Iterator[Browser]:
    """Start the system's Chromium, and stop it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def beside(browser: Browser, *arguments: str) -> Iterator[Browser]:
    """Start another one beside it, told otherwise; one driver serves both."""
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
    try:
        yield other
    finally:
        other.close()


@dataclass
class Watched:
    """A page, and what was seen of it."""

    page: Page
    own: str
    """The origin that is ours."""
    outside: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" == self.own:
            return
        # Where the payer goes by themselves, such as their bank's page, is no request of ours.
        is_page = request.is_navigation_request() and request.frame == self.page.main_frame
        if not is_page and urlsplit(request.frame.url).netloc == urlsplit(self.own).netloc:
            self.outside.append(request.url)

    def refused(self) -> list[str]:
        """Return what the page's policy kept from happening."""
        return self.page.evaluate("window.__refused ?? []")


@contextmanager
def visiting(browser: Browser, own: str, **settings: Any) -> Iterator[Watched]:
    """Open a window of its own, and watch what its page does."""
    settings = {"locale": "en-GB", **settings}
    context: BrowserContext = browser.new_context(**settings)
    try:
        context.set_default_timeout(WAIT_MILLISECONDS)
        context.add_init_script(HEARS)
        page = context.new_page()
        watched = Watched(page, own)
        page.on("request", watched.asked)
        page.on(
            "response",
            lambda came: watched.missing.append(came.url) if came.status == 404 else None,
        )
        page.on("pageerror", lambda error: watched.said.append(str(error)))
        page.on(
            "console",
            lambda told: watched.said.append(told.text) if told.type == "error" else None,
        )
        yield watched
    finally:
        context.close()


def complaints(page: Page) -> list[str]:
    """Return what axe finds serious or critical about a page as it stands."""
    # Handed over as a function: what a program's text comes to would be sent back, all of it.
    page.evaluate(f"() => {{ {AXE.read_text()}\n }}")
    return page.evaluate(LOOKS)


def clipped(page: Page) -> list[str]:
    """Return what stands partly outside the window."""
    return page.evaluate(CLIPPED)

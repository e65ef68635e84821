"""The payer's page in a real browser: nothing of it is wider than a narrow telephone."""

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest
from tests.receipts.office import ANN, Office

from bezant.actor import Mode
from bezant.receipts.http.page import receipt_page
from bezant.receipts.port import ReadFile, Show

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), "")
NARROW = 360


def widest(page: str, folder: Path) -> int:
    """Return how wide a page is drawn in a window of a telephone."""
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe id="page" style="border:0;width:{NARROW}px;height:700px" '
        f'srcdoc="{escape(page)}"></iframe><script>document.getElementById("page").onload = '
        "(event) => { document.title = `width ${event.target.contentDocument.documentElement"
        ".scrollWidth}` }</script>"
    )
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--virtual-time-budget=5000",
            f"--user-data-dir={folder / 'profile'}", "--dump-dom", frame.as_uri(),
        ],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    found = re.search(r"<title>width (\d+)</title>", done.stdout)
    assert found is not None, done.stdout[:500] + done.stderr[-500:]
    return int(found[1])


@pytest.mark.system
@pytest.mark.requirement("S000-10", part="the page on a telephone")
async def test_the_page_fits_a_narrow_telephone(office: Office, tmp_path: Path):
    payment = office.till.paid(
        "99999999999999.000000000000000001 ETH", description="unbreakable" * 40, order="o" * 200
    )
    await office.record()
    receipt = await office.only(payment)
    for show in (Show(), Show(everything=False)):
        file = await office.receipts.file(ReadFile(ANN, Mode.TEST, receipt.id, show))
        page = bytes(receipt_page(file).body).decode()
        assert widest(page, tmp_path) == NARROW
    # The control: something wider is seen.
    wide = page.replace("<main>", '<main><div style="width:500px">wide</div>')
    assert widest(wide, tmp_path) > NARROW

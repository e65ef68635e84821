"""The page on which a visitor's own browser checks a receipt, with nothing but the published keys.

It answers what `bezant-verify receipt` answers, from the same rules written once more in `assets/`:
valid, invalid, or that it cannot be decided there. The receipt stays in the browser.
"""

from typing import Final

from fastapi.responses import HTMLResponse

from bezant.gateway.pages import page
from bezant.http.routes import PUBLIC, Routes

PATH: Final = "/check"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_BODY: Final = (
    '<main class="card"><h1>Check a receipt</h1>'
    "<p>Your browser checks every signature on it and the proof that it stands in the public log. "
    "The file stays with you.</p>"
    '<noscript><p class="wrong">This page needs scripts. Without them, '
    "<code>bezant-verify receipt</code> does the same on your machine.</p></noscript>"
    '<div id="drop" class="drop"><label for="receipt">Receipt file</label>'
    '<input id="receipt" type="file" accept=".json,application/json">'
    '<p class="hint">Choose it, or drop it here.</p></div>'
    "<details><summary>Use keys that you kept</summary>"
    '<label for="keys">File of keys</label>'
    '<input id="keys" type="file" accept=".json,application/json">'
    '<p class="hint">Without it the keys are taken from this platform, as it shows them today at '
    '<a href="/audit/keys">/audit/keys</a>.</p></details>'
    '<section id="answer" class="answer" role="status" tabindex="-1" hidden>'
    '<h2 id="word"></h2><p id="why"></p><dl id="facts"></dl>'
    '<h3>This does not show</h3><ul id="lacks"></ul></section></main>'
)


def routes() -> Routes:
    """Return the page. It stands wherever the log's keys are shown."""
    made = Routes("audit")

    @made.get(PATH, permission=PUBLIC, include_in_schema=False)
    async def check() -> HTMLResponse:
        return page("Check a receipt", _BODY, script="check.js", policy=POLICY)

    del check
    return made

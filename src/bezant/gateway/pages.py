"""Pages of the gateway itself: the API's documentation, and every error it can answer.

Nothing is fetched from elsewhere and no script stands in a page, so the policy can forbid both.
`/docs` is drawn in the browser by OpenAPI Explorer (Apache-2.0), kept in `assets/` with its
licence; `/redoc` is written here and needs no script at all.
"""

import hashlib
from collections.abc import Mapping
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from bezant.errors import every_error
from bezant.gateway.reading import read_document
from bezant.http.problems import RouteNotFound

ASSETS = Path(__file__).parent / "assets"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
ASSET_SECONDS = 3_600
_TYPES: Mapping[str, str] = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".LICENSE": "text/plain",
    ".svg": "image/svg+xml",
}


class Assets:
    """The files beside this page, from memory, with a mark that lets a browser keep them."""

    def __init__(self, folder: Path = ASSETS) -> None:
        self._files = {
            path.name: (path, _TYPES[path.suffix])
            for path in sorted(folder.iterdir())
            if path.suffix in _TYPES
        }
        self._read: dict[str, tuple[bytes, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one file by its name."""
        name = scope["path_params"]["file"]
        found = self._files.get(name)
        if found is None:
            raise RouteNotFound
        if name not in self._read:
            content = found[0].read_bytes()
            self._read[name] = content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        content, mark = self._read[name]
        headers = {"etag": mark, "cache-control": f"public, max-age={ASSET_SECONDS}"}
        known = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
        if known == mark:
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        await Response(content, headers=headers, media_type=found[1])(scope, receive, send)


def page(
    title: str, body: str, *, script: str = "", policy: str = POLICY, status: int = 200
) -> HTMLResponse:
    """Return a page around its body, with a script from our own assets if it needs one."""
    tag = f'<script type="module" src="/assets/{script}"></script>' if script else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="/assets/pages.css">{tag}</head><body>{body}</body></html>',
        status_code=status,
        headers={"content-security-policy": policy},
    )


def try_page(title: str) -> HTMLResponse:
    """Return the page on which every operation can be looked up and tried."""
    return page(title, '<main id="reference"></main>', script="reference.js")


def read_page(title: str, document: Mapping[str, object]) -> HTMLResponse:
    """Return the page for reading: all operations below one another."""
    return page(title, read_document(document))


def errors_page() -> HTMLResponse:
    """Return every error this process can answer: what it means, by its code."""
    known = {error.code: error for error in every_error() if error.code != "error"}
    rows = "".join(
        f'<tr id="{escape(code)}"><td><code>{escape(code)}</code></td>'
        f"<td>{known[code].status}</td><td>{escape(known[code].title())}</td></tr>"
        for code in sorted(known)
    )
    return page(
        "Errors",
        '<main class="text"><h1>Errors</h1><p>Every error is told as '
        "<code>application/problem+json</code> "
        "with a <code>code</code> that never changes its meaning.</p>"
        "<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead>"
        f"{rows}</table></main>",
    )

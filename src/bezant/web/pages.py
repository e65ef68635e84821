"""The documents around built pages, and the policy under which a browser runs them.

No script and no style stands in a document. Each that it names is our own file, with the hash a
browser checks before it runs it; nothing else can be loaded, sent or framed.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import msgspec
from starlette.responses import HTMLResponse

from bezant.web.built import Built, Page, Progress

NO_FEATURES: Final = "camera=(), geolocation=(), microphone=(), usb=()"
AGAIN_SECONDS: Final = 2
REPORTS: Final = "/checkout/reports"
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def policy(connects: Sequence[str] = (), framed_by: Sequence[str] = ()) -> str:
    """Return the policy of a page that calls these origins and is framed by those."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "img-src 'self'",
            " ".join(["connect-src 'self'", *connects]),
            "base-uri 'none'",
            "form-action 'none'",
            " ".join(["frame-ancestors", *(framed_by or ["'self'"])]),
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
            f"report-uri {REPORTS}",
        ]
    )


def document(
    built: Built, name: str, given: Mapping[str, object], policy_of_page: str
) -> HTMLResponse:
    """Return the document of a page, or one that says how far its build has come.

    `given` is what the page must know before it can ask: it stands in the document as data.
    """
    page = built.page(name)
    if page is None:
        return building(built.progress())
    head = "".join(_loads(built, page))
    told = escape(_encode(given).decode())
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bezant</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="icon" type="image/svg+xml" href="/mark.svg">'
        f'<meta name="bezant" content="{told}">{head}</head><body><div id="root"></div>'
        "<noscript>This page needs scripts.</noscript></body></html>",
        headers=_headers(policy_of_page),
    )


def building(progress: Progress | None) -> HTMLResponse:
    """Return the page that stands in for one that is being built; it loads itself again."""
    if progress is None:
        told = "The pages of this installation are not built. Build them with: make ui"
    elif progress.failed:
        told = f"The pages could not be built. {progress.step}"
    else:
        told = f"Step {progress.number} of {progress.of}: {progress.step}"
    waits = progress is not None and not progress.failed
    again = f'<meta http-equiv="refresh" content="{AGAIN_SECONDS}">' if waits else ""
    title = "The pages are being built" if waits else "The pages are not there"
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{again}</head>'
        f'<body><main><h1>{title}</h1><p role="status">{escape(told)}</p>'
        "<p>The platform itself is running: its API answers.</p></main></body></html>",
        status_code=503,
        headers={**_headers("default-src 'none'"), "retry-after": str(AGAIN_SECONDS)},
    )


def inventory_page(rows: Sequence[Mapping[str, object]]) -> HTMLResponse:
    """Return the list of every script that runs on the payment page, and why (PCI DSS 6.4.3)."""
    listed = "".join(
        f"<tr><td><code>{escape(str(row['file']))}</code></td><td>{escape(str(row['why']))}</td>"
        f"<td>{row['bytes_gzipped']}</td><td><code>{escape(str(row['integrity']))}</code></td></tr>"
        for row in rows
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Scripts</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main>'
        "<h1>Scripts of the payment page</h1><p>Every script that runs where payers type their "
        "card, with the hash that browsers check before they run it. There are no others.</p>"
        "<table><thead><tr><th>File</th><th>Why</th><th>Bytes, packed</th><th>Integrity</th></tr>"
        f"</thead><tbody>{listed}</tbody></table></main></body></html>",
        headers=_headers("default-src 'none'"),
    )


def inventory(built: Built, name: str) -> list[Mapping[str, object]]:
    """Return every script that a page runs, as it was built."""
    page = built.page(name)
    if page is None:
        return []
    files = built.listed.files
    reasons = [(page.script, "The page itself: shows the order, and takes the card to the vault.")]
    reasons += [(one, "Asks for the checkout while the page loads.") for one in [page.first] if one]
    reasons += [(one, "A part of the page, loaded with it.") for one in page.preloads]
    reasons += [(one, "A part of the page, loaded when needed.") for one in page.later]
    return [
        {
            "file": f"/static/{file}",
            "why": why,
            "integrity": files[file].integrity,
            "bytes": files[file].bytes,
            "bytes_gzipped": files[file].bytes_gzipped,
        }
        for file, why in reasons
        if file.endswith(".js")
    ]


def _loads(built: Built, page: Page) -> list[str]:
    files = built.listed.files
    tags = [_script(one, files[one].integrity, " async") for one in [page.first] if one]
    tags += [
        f'<link rel="stylesheet" href="/static/{one}" integrity="{files[one].integrity}">'
        for one in page.styles
    ]
    tags += [
        f'<link rel="preload" as="font" type="font/woff2" crossorigin href="/static/{one}">'
        for one in page.fonts
    ]
    tags += [
        f'<link rel="modulepreload" href="/static/{one}" integrity="{files[one].integrity}">'
        for one in page.preloads
    ]
    return [*tags, _script(page.script, files[page.script].integrity)]


def _script(name: str, integrity: str, how: str = "") -> str:
    return f'<script type="module"{how} src="/static/{name}" integrity="{integrity}"></script>'


def _headers(policy_of_page: str) -> dict[str, str]:
    return {
        "content-security-policy": policy_of_page,
        "cache-control": "no-store",
        "permissions-policy": NO_FEATURES,
    }

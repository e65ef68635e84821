"""The readable page of a receipt: written here, whole, without script and without a request."""

import base64
import hashlib
from html import escape
from typing import Final

from fastapi.responses import HTMLResponse

from bezant.receipts.http.wording import KEEP, Next, Row, wording
from bezant.receipts.port import ReceiptFile

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fbfaf7;--sheet:#fff;--ink:#14172b;--soft:#5d6073;
--line:#e2dfd6;--gold:#b8862b;--good:#1f7a4d;--needs:#8a5500;--link:#3b4bd8}
@media (prefers-color-scheme:dark){:root{--paper:#0f1120;--sheet:#171a2e;--ink:#e9e7e1;
--soft:#a5a7b8;--line:#2a2d42;--gold:#e0b356;--good:#6fcf9f;--needs:#f0b050;--link:#8d99ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 Inter,system-ui,sans-serif}
main{max-width:520px;margin:0 auto;padding:32px 16px 48px}
.sheet{background:var(--sheet);border-radius:8px;padding:28px 24px;border-top:4px solid var(--gold);
box-shadow:0 1px 12px rgb(20 23 43/.08)}
h1{margin:0;font-size:16px;font-weight:600}
.good{color:var(--good)}.needs{color:var(--needs)}
.amount{margin:4px 0 0;font-size:40px;line-height:1.2;font-weight:600;
font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.amount span{font-size:20px;font-weight:400;color:var(--soft)}
.meaning{margin:4px 0 0;color:var(--soft)}
.note{margin:16px 0 0;padding:8px 12px;border-left:3px solid var(--gold);font-size:14px}
dl{margin:24px 0 0;border-top:1px solid var(--line)}
dl div{padding:10px 0;border-bottom:1px solid var(--line)}
dt{font-size:13px;color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.small dd{font:13px/1.5 "JetBrains Mono",ui-monospace,monospace}
h2{margin:24px 0 4px;font-size:16px}
.check p{margin:4px 0;font-size:14px}
.files{display:flex;flex-wrap:wrap;gap:12px;margin-top:16px}
a{color:var(--link)}
.files a{flex:1 1 160px;min-height:48px;padding:12px;border-radius:8px;text-align:center;
text-decoration:none;font-weight:600;border:1px solid var(--line);color:var(--ink)}
.files a:first-child{background:var(--gold);border-color:var(--gold);color:#14172b}
a:focus-visible{outline:3px solid var(--link);outline-offset:2px}
code{font:13px/1.6 "JetBrains Mono",ui-monospace,monospace;overflow-wrap:anywhere}
footer{margin-top:20px;font-size:13px;color:var(--soft)}
@media print{body{background:#fff}.files{display:none}.sheet{box-shadow:none}}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "private, no-store",
    "x-robots-tag": "noindex",
}


def receipt_page(found: ReceiptFile) -> HTMLResponse:
    """Return the page of a receipt."""
    said = wording(found)
    tone = "good" if said.good else "needs"
    mark = "✓ " if said.good else ""
    amount = (
        f'<p class="amount">{escape(said.amount)} <span>{escape(said.asset)}</span></p>'
        if said.amount
        else ""
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in said.notes)
    notes += "".join(map(_later, said.later))
    rows = "".join(map(_row, said.rows))
    evidence = "".join(f"<p>{escape(line)}</p>" for line in said.evidence)
    seen = "good" if found.finding.valid else "needs"
    body = (
        f'<div class="sheet"><h1 class="{tone}">{mark}{escape(said.title)}</h1>{amount}'
        f'<p class="meaning">{escape(said.meaning)}</p>{notes}<dl>{rows}</dl>'
        f'<section class="check"><h2 class="{seen}">{"✓ " if found.finding.valid else ""}'
        f"{escape(said.verdict)}</h2>{evidence}</section>"
        f"<h2>{KEEP}</h2>{_files(found)}</div>{_how(found)}"
    )
    return _page(said.title, body)


def missing_page() -> HTMLResponse:
    """Return the page of a link that leads nowhere."""
    body = (
        '<div class="sheet"><h1>There is no receipt here</h1><p class="meaning">The link may not '
        "have been copied whole. Open it again from where you got it, or ask the merchant for "
        "it.</p></div>"
    )
    return _page("No receipt", body, status=404)


def _later(later: Next) -> str:
    link = f'<a href="/receipts/{escape(later.code)}">Its receipt</a>'
    return f'<p class="note">{escape(later.text)} {link}</p>'


def _row(row: Row) -> str:
    kind = ' class="small"' if row.small else ""
    return f"<div{kind}><dt>{escape(row.label)}</dt><dd>{escape(row.value)}</dd></div>"


def _files(found: ReceiptFile) -> str:
    place = f"/receipts/{found.code}"
    show = ""
    if found.hidden:
        show = f"?show={','.join(escape(field.name) for field in found.fields)}"
    return (
        f'<p class="files"><a href="{place}/file{show}">Receipt file</a>'
        f'<a href="{place}/pdf{show}">PDF</a></p>'
    )


def _how(found: ReceiptFile) -> str:
    return (
        f'<footer><p>Let <a href="/check#/receipts/{found.code}/file">your own browser</a> check '
        "it. Or, with no help from this site, install "
        '<code>bezant-verify</code>, take <a href="/audit/keys">the keys</a> from a source you '
        f"trust, and run <code>bezant-verify receipt {escape(found.id)}.receipt.json --keys "
        "keys.json</code>.</p><p>Whoever has the link of this page can see this receipt.</p>"
        "</footer>"
    )


def _page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>",
        status_code=status,
        headers=HEADERS,
    )

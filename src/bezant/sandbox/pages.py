"""The pages of the sandbox: the desk's overview, and the frame of the pages that payers see.

No script stands in a page, and nothing is fetched from elsewhere.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from bezant.sandbox.exchange import Answer, Exchange
from bezant.sandbox.movement import Movement
from bezant.sandbox.schedule import Delivery, State
from bezant.sandbox.scripts import Effect, Script

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# Without `form-action`: it would also hold for the redirect back to the shop.
PAYER_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --weak: #777; --bad: #b3261e; --good: #1a7f4b; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 76rem; }
main.card { max-width: 26rem; margin: 8vh auto; padding: 1.5rem; border: 1px solid var(--line);
  border-radius: 10px; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .weak { color: var(--weak); } .bad { color: var(--bad); }
.good { color: var(--good); }
table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
form { display: flex; gap: .5rem; flex-wrap: wrap; align-items: end; margin: .5rem 0; }
label { display: grid; gap: .15rem; font-size: .8rem; }
input, select, button { font: inherit; padding: .3rem .5rem; border: 1px solid var(--line);
  border-radius: 6px; background: Field; color: FieldText; }
button { cursor: pointer; } .wide { overflow-x: auto; }
:focus-visible { outline: 2px solid #2563eb; outline-offset: 2px; }
"""


def document(title: str, body: str) -> str:
    """Return a whole page; the body is HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def payer_page(title: str, lines: Sequence[str], buttons: Sequence[tuple[str, str]]) -> str:
    """Return a page on which a payer decides: what it is about, and buttons (address, words)."""
    forms = "".join(
        f'<form method="post" action="{escape(address)}"><button>{escape(words)}</button></form>'
        for address, words in buttons
    )
    told = "".join(f"<p>{escape(line)}</p>" for line in lines)
    note = '<p class="weak">This is the sandbox. Nobody pays anything.</p>'
    return document(title, f'<main class="card"><h1>{escape(title)}</h1>{told}{forms}{note}</main>')


def payer_answer(
    title: str, lines: Sequence[str], buttons: Sequence[tuple[str, str]] = ()
) -> Answer:
    """Answer such a page."""
    page = Answer.html(200, payer_page(title, lines, buttons))
    return page.having(("content-security-policy", PAYER_POLICY), ("cache-control", "no-store"))


def overview(
    now: datetime,
    providers: Sequence[str],
    scripts: Sequence[Script],
    movements: Sequence[Movement],
    calls: Sequence[Exchange],
    deliveries: Sequence[Delivery],
) -> str:
    """Return the desk's page: what happened, and what shall happen next."""
    waiting = [
        (s.effect, s.provider or "any", s.operation or "any", _wanted(s), str(s.times_left))
        for s in scripts
    ]
    moved = [
        (_time(m.occurred_at), m.provider, m.kind, m.id, m.payment, f"{m.amount} {m.asset}")
        for m in movements
    ]
    said = [
        (_time(c.called_at), c.provider, f"{c.method} {c.path}", c.key, _ended(c)) for c in calls
    ]
    sent = [
        (_time(d.due_at), d.provider, d.kind, d.event, d.endpoint.url, _state(d))
        for d in deliveries
    ]
    day = now.date().isoformat()
    files = " · ".join(
        f'<a href="/settlements/{day}/{escape(one)}">{escape(one)}</a>' for one in providers
    )
    return document(
        "Sandbox",
        "<h1>Sandbox of the providers</h1>"
        f'<p class="weak">Business time: {_time(now)} UTC · settlement files of today: {files}</p>'
        + _button("/due", "Do what is due")
        + "<h2>The next calls</h2>"
        + _script_form(providers)
        + _table(("Effect", "Provider", "Operation", "Only if", "Times"), waiting)
        + (_button("/scripts/end", "Let nothing wait any more") if waiting else "")
        + "<h2>Money that moved</h2>"
        + _table(("Time", "Provider", "What", "Id", "Payment", "Amount"), moved)
        + "<h2>Calls</h2>"
        + _table(("Time", "Provider", "Call", "Key", "Ended"), said)
        + "<h2>Webhooks</h2>"
        + _table(("Due", "Provider", "Type", "Event", "To", "State"), sent),
    )


def _script_form(providers: Sequence[str]) -> str:
    return (
        '<form method="post" action="/scripts">'
        + _choice("effect", "What happens", [(one.value, one.value) for one in Effect])
        + _choice("provider", "Provider", [("", "any"), *((one, one) for one in providers)])
        + _field("operation", "Operation")
        + _field("amount", "Amount")
        + _field("key", "Key")
        + _field("code", "Code")
        + _field("seconds", "Seconds")
        + _field("times", "Times", "1")
        + "<button>Add</button></form>"
    )


def _choice(name: str, words: str, options: Iterable[tuple[str, str]]) -> str:
    listed = "".join(
        f'<option value="{escape(value)}">{escape(shown)}</option>' for value, shown in options
    )
    return f'<label>{escape(words)}<select name="{name}">{listed}</select></label>'


def _field(name: str, words: str, value: str = "") -> str:
    return (
        f'<label>{escape(words)}<input name="{name}" value="{escape(value)}" size="8"'
        ' autocomplete="off"></label>'
    )


def _button(address: str, words: str) -> str:
    return f'<form method="post" action="{address}"><button>{escape(words)}</button></form>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return '<p class="weak">Nothing yet.</p>'
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    shown = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{shown}</div>'


def _wanted(script: Script) -> str:
    wanted = [("amount", script.amount), ("key", script.key)]
    told = [f"{name} {value}" for name, value in wanted if value]
    return ", ".join(told) or "any"


def _ended(call: Exchange) -> str:
    ended = str(call.status) if call.status else call.ending.value
    return f"{ended} by script {call.script}" if call.script else ended


def _state(delivery: Delivery) -> str:
    forged = ", forged" if delivery.forged else ""
    last = f": {delivery.last}" if delivery.last and delivery.state is not State.DELIVERED else ""
    return f"{delivery.state}{forged}{last}"


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")

"""A small SVG, written by hand: how far each measure is beyond its bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

LABEL_WIDTH = 210
BAR_WIDTH = 380
VALUE_WIDTH = 170
ROW_HEIGHT = 26
HEAD_HEIGHT = 44
SCALE_MAX = 3.0
"""Three times the bar fills the width; anything better is cut there and says so."""

INK, PAPER, GRID = "#24292f", "#ffffff", "#d0d7de"
MET, MISSED = "#2da44e", "#cf222e"


@dataclass(frozen=True, slots=True)
class Row:
    """One measure as it is drawn."""

    label: str
    strength: float
    met: bool
    text: str


def draw(title: str, rows: Sequence[Row]) -> str:
    """Return the chart as an SVG document."""
    width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH
    height = HEAD_HEIGHT + ROW_HEIGHT * len(rows) + 12
    mark = LABEL_WIDTH + BAR_WIDTH / SCALE_MAX
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img"'
            f' aria-label="{escape(title, {chr(34): "&quot;"})}">'
        ),
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        (
            f'<text x="12" y="20" font-size="14" font-weight="bold" fill="{INK}">'
            f"{escape(title)}</text>"
        ),
    ]
    for times in range(int(SCALE_MAX) + 1):
        x = LABEL_WIDTH + BAR_WIDTH * times / SCALE_MAX
        parts.append(_line(x, HEAD_HEIGHT - 6, height - 8, GRID))
        parts.append(_text(x, HEAD_HEIGHT - 10, f"{times} x bar" if times else "0", "middle"))
    for place, row in enumerate(rows):
        parts.extend(_row(row, HEAD_HEIGHT + ROW_HEIGHT * place))
    parts.append(_line(mark, HEAD_HEIGHT - 6, height - 8, INK))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(row: Row, top: float) -> list[str]:
    length = BAR_WIDTH * min(row.strength, SCALE_MAX) / SCALE_MAX
    more = " ▸" if row.strength > SCALE_MAX else ""
    middle = top + ROW_HEIGHT / 2 + 4
    return [
        _text(LABEL_WIDTH - 10, middle, row.label, "end"),
        (
            f'<rect x="{LABEL_WIDTH}" y="{top + 4:g}" width="{length:.1f}"'
            f' height="{ROW_HEIGHT - 8}" fill="{MET if row.met else MISSED}"/>'
        ),
        _text(LABEL_WIDTH + length + 8, middle, row.text + more, "start"),
    ]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'
    )


def _line(x: float, top: float, bottom: float, color: str) -> str:
    return f'<line x1="{x:.1f}" y1="{top:g}" x2="{x:.1f}" y2="{bottom:g}" stroke="{color}"/>'

"""Writes a PDF of one page (ISO 32000): text in the fonts every reader has, boxes, a file inside.

Those fonts know the letters of western Europe (WinAnsi) and no others.
"""

import zlib
from dataclasses import dataclass, field
from typing import Final

WIDTH, HEIGHT = 595, 842  # A4, in points.
PLAIN, BOLD, MONO = "F1", "F2", "F3"
FONTS: Final = {PLAIN: "Helvetica", BOLD: "Helvetica-Bold", MONO: "Courier"}
INK, SOFT, GOLD = "0.08 0.09 0.17", "0.36 0.38 0.45", "0.72 0.53 0.17"
"""Red, green and blue, each of 1."""


@dataclass
class Sheet:
    """A page that is being written; its origin is the lower left corner."""

    title: str
    marks: list[bytes] = field(default_factory=list[bytes])

    def text(
        self, x: int, y: int, text: str, size: int, font: str = PLAIN, color: str = INK
    ) -> None:
        """Write a line."""
        place = f"BT /{font} {size} Tf {color} rg {x} {y} Td (".encode()
        self.marks.append(place + _escaped(text) + b") Tj ET")

    def box(self, x: int, y: int, width: int, height: int, color: str = INK) -> None:
        """Fill a rectangle."""
        self.marks.append(f"{color} rg {x} {y} {width} {height} re f".encode())

    def finished(self, name: str, content: bytes) -> bytes:
        """Return the document, with a file inside."""
        fonts = " ".join(f"/{key} {at} 0 R" for at, key in enumerate(FONTS, 7))
        title = b"(" + _escaped(self.title) + b")"
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R /Lang (en) /AF [6 0 R] /Names << /EmbeddedFiles "
            b"<< /Names [(" + name.encode() + b") 6 0 R] >> >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents 4 0 R "
            f"/Resources << /Font << {fonts} >> >> >>".encode(),
            _stream(b"\n".join(self.marks), b""),
            _stream(content, b"/Type /EmbeddedFile /Subtype /application#2Fjson "),
            f"<< /Type /Filespec /F ({name}) /UF ({name}) /AFRelationship /Data "
            "/EF << /F 5 0 R >> >>".encode(),
            *(
                f"<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>"
                .encode()
                for font in FONTS.values()
            ),
            b"<< /Title " + title + b" /Producer (Bezant) >>",
        ]  # fmt: skip
        return _document(objects)


def writable(text: str) -> bool:
    """Tell whether the fonts have every letter of a text."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _escaped(text: str) -> bytes:
    plain = text.encode("cp1252", "replace")
    return plain.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _stream(content: bytes, about: bytes) -> bytes:
    packed = zlib.compress(content, 9)
    head = b"<< %s/Filter /FlateDecode /Length %d >>\nstream\n" % (about, len(packed))
    return head + packed + b"\nendstream"


def _document(objects: list[bytes]) -> bytes:
    """Put objects one after the other, the last of them the information, and say where each is."""
    written = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    count = len(objects) + 1
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return written + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, table, count, len(objects), len(written))
    )

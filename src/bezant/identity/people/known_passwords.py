"""Passwords that everybody knows, kept as short hashes beside this file.

`known_passwords.gz` holds the first 40 bits of SHA-256 of each of the 49,233 passwords in
`src/passwords.json` of the npm package `@zxcvbn-ts/language-common` 4.1.3 (MIT; made from lists of
breached passwords), in lower case, sorted, and compressed. A password that is none of them is taken
for one once in 20 million times.
"""

import gzip
import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

HASH_BYTES: Final = 5
PIECE_MIN: Final = 4
DECORATION_MAX: Final = 6  # What people add to a word they know: a year, an exclamation mark.
_LIST: Final = Path(__file__).parent / "known_passwords.gz"
_PLAINER: Final = str.maketrans("@4831!05$7", "aabeiiosst")


class _Known:
    """The list, searched by halves."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content) // HASH_BYTES

    def __getitem__(self, at: int) -> bytes:
        return self._content[at * HASH_BYTES : (at + 1) * HASH_BYTES]

    def __contains__(self, text: str) -> bool:
        wanted = hashlib.sha256(text.encode(errors="replace")).digest()[:HASH_BYTES]
        at = bisect_left(self, wanted)
        return at < len(self) and self[at] == wanted


@cache
def _known() -> _Known:
    return _Known(gzip.decompress(_LIST.read_bytes()))


def is_known(password: str) -> bool:
    """Tell whether a password is one that everybody knows, decorated, or two of them in a row."""
    return any(_is_listed(form) for form in _forms(password.lower()))


def _forms(text: str) -> Iterator[str]:
    for form in (text, text.translate(_PLAINER)):
        yield form
        bare = form.strip("0123456789 !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~")
        if bare and len(form) - len(bare) <= DECORATION_MAX:
            yield bare


def _is_listed(text: str) -> bool:
    known = _known()
    if text in known:
        return True
    cuts = range(PIECE_MIN, len(text) - PIECE_MIN + 1)
    return any(text[:cut] in known and text[cut:] in known for cut in cuts)

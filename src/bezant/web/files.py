"""Built files over HTTP: their names carry their hash, so a browser may keep them for good."""

import gzip
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bezant.http.problems import RouteNotFound
from bezant.web.built import Built

FOREVER: Final = "public, max-age=31536000, immutable"
KEPT_MAX: Final = 100  # Files in memory; all pages together have fewer.
TYPES: Final[Mapping[str, str]] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_PACKED: Final = frozenset({".js", ".css", ".svg", ".txt"})


class Files:
    """Answers one built file by its name, packed where the browser takes that."""

    def __init__(self, built: Built) -> None:
        self._built = built
        self._kept: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one file."""
        name = scope["path_params"]["file"]
        suffix = PurePosixPath(name).suffix
        plain, packed = self._content(name, suffix)
        headers = {"cache-control": FOREVER, "content-type": TYPES[suffix]}
        accepted = dict(scope["headers"]).get(b"accept-encoding", b"")
        if packed:
            headers["vary"] = "accept-encoding"
        if packed and b"gzip" in accepted:
            headers["content-encoding"] = "gzip"
            plain = packed
        await Response(plain, headers=headers)(scope, receive, send)

    def _content(self, name: str, suffix: str) -> tuple[bytes, bytes]:
        kept = self._kept.get(name)
        if kept is None:
            content = self._built.content(name)
            if content is None or suffix not in TYPES:
                raise RouteNotFound
            packed = gzip.compress(content, 9, mtime=0) if suffix in _PACKED else b""
            kept = self._kept[name] = content, packed
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return kept

"""Which other origins' pages may call us and read the answers (CORS, of the Fetch standard)."""

from collections.abc import Mapping, Sequence

from bezant.http.headers import Pair

METHODS = b"GET, POST, PATCH, DELETE"
HEADERS = b"Authorization, Content-Type, DPoP, Idempotency-Key, X-Api-Key"
EXPOSED = (
    b"DPoP-Nonce, Idempotent-Replayed, Location, RateLimit-Limit, RateLimit-Remaining, "
    b"RateLimit-Reset, Request-Id, Retry-After"
)
PREFLIGHT_SECONDS = b"600"
_VARY: Pair = (b"vary", b"origin")


class Cors:
    """The origins named in the settings. There is no wildcard: credentials travel along."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        assert "*" not in origins, (
            "an origin is named; a wildcard would share credentials with anyone"
        )
        self._origins = frozenset(origin.rstrip("/").encode() for origin in origins)

    def answer_headers(self, headers: Mapping[bytes, bytes]) -> tuple[Pair, ...]:
        """Return what an answer to this request says about sharing it."""
        origin = headers.get(b"origin")
        if not self._origins:
            return ()
        if origin is None or origin not in self._origins:
            return (_VARY,)
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", EXPOSED),
            _VARY,
        )

    def is_preflight(self, method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether a browser asks before it sends the real request."""
        return method == "OPTIONS" and b"access-control-request-method" in headers

    def preflight_headers(self, headers: Mapping[bytes, bytes]) -> tuple[Pair, ...]:
        """Return what the browser asked for; an unknown origin learns nothing it could use."""
        origin = headers.get(b"origin")
        if origin is None or origin not in self._origins:
            return (_VARY,)
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", HEADERS),
            (b"access-control-max-age", PREFLIGHT_SECONDS),
            _VARY,
        )

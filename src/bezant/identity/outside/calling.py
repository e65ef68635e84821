"""Calling an issuer: only where its operator said, never further, and no more than is wanted.

No redirect is followed, no proxy of the environment is asked, no cookie is kept; an answer that is
late, long, or not JSON is none.
"""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote_plus

from bezant.db import guard
from bezant.errors import Unavailable
from bezant.identity.provider.jose import Json

if TYPE_CHECKING:  # Loaded with the first call: most programs that know people make none.
    from aiohttp import ClientResponse, ClientSession

ANSWER_BYTES_MAX: Final = 262_144
ANSWER_SECONDS_MAX: Final = 5.0
CONNECTIONS_MAX: Final = 8
_JSON: Final = ("application/json", "application/jwk-set+json")


class IssuerSilent(Unavailable):
    """The issuer that knows more about this did not answer as it should; try again in a moment."""

    code = "issuer_silent"


class Calls:
    """Asks issuers. What it is handed was already allowed."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    async def read(self, address: str) -> Json:
        """Return the document at an address."""
        from aiohttp import ClientError  # noqa: PLC0415 (see above)

        guard.no_open_transaction()
        try:
            async with self._opened().get(address, allow_redirects=False) as answer:
                return await _object(answer, HTTPStatus.OK)
        except (ClientError, TimeoutError, OSError):
            raise IssuerSilent(retry_after_seconds=5) from None

    async def ask(self, address: str, fields: Mapping[str, str], client: str) -> tuple[int, Json]:
        """Send a form and return the status and the answer; `client` says who we are, if needed."""
        from aiohttp import ClientError  # noqa: PLC0415 (see above)

        guard.no_open_transaction()
        head = {"authorization": client} if client else {}
        try:
            async with self._opened().post(
                address, data=dict(fields), headers=head, allow_redirects=False
            ) as answer:
                status = answer.status
                return status, await _object(answer, status)
        except (ClientError, TimeoutError, OSError):
            raise IssuerSilent(retry_after_seconds=5) from None

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> "ClientSession":
        import aiohttp  # noqa: PLC0415 (see above)

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX),
                trust_env=False,
                # A small answer could unpack into a very large one.
                auto_decompress=False,
                headers={"accept": "application/json", "accept-encoding": "identity"},
            )
        return self._session


async def _object(answer: "ClientResponse", status: int) -> Json:
    """Read an answer that is a JSON object within its bounds."""
    if answer.status != status or answer.content_type not in _JSON:
        raise IssuerSilent(retry_after_seconds=5)
    content = await answer.content.read(ANSWER_BYTES_MAX + 1)
    while len(content) <= ANSWER_BYTES_MAX and (more := await answer.content.readany()):
        content += more
    try:
        told: object = json.loads(content) if len(content) <= ANSWER_BYTES_MAX else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise IssuerSilent(retry_after_seconds=5)
    return cast("dict[str, object]", told)


def basic(client_id: str, secret: str) -> str:
    """Return how a client with a secret says who it is (RFC 6749, 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"

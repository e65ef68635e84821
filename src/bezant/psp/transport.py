"""The one room that talks to providers: connections, credentials, deadlines, and honest silence.

What is told afterwards is exactly what is known. No connection: NOT_SENT. A complete answer,
whatever it says: ANSWERED. Anything between: SILENT, because the request may have arrived. Nothing
is ever sent twice from here, except after a 401 with a new token: that one was not worked on.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from bezant import telemetry
from bezant.actor import Mode
from bezant.db.guard import no_open_transaction
from bezant.exchange import LOCAL, Encoding, ProviderAnswer, ProviderRequest, Sending
from bezant.psp.account import NONCE_BYTES, Account, ClientCredentials, Clocks, SigningKey
from bezant.psp.connection import Broken, Connections, NotConnected
from bezant.psp.document import NotReadable, read_json
from bezant.psp.port import ProviderNotConfigured
from bezant.rpc.breaker import Breaker
from bezant.telemetry.metrics import Meters

ANSWER_BYTES_MAX: Final = 1_048_576
SLOW_SECONDS: Final = 10.0  # A call unanswered for so long counts as a failure of its provider.
TOKEN_MARGIN_SECONDS: Final = 60.0
TOKEN_SECONDS_MAX: Final = 86_400
TOKEN_DEADLINE_SECONDS: Final = 10.0
CERTIFICATE_BYTES_MAX: Final = 65_536
_log = telemetry.log("psp")


class HttpTransport:
    """Sends requests to the accounts it was given."""

    def __init__(
        self,
        accounts: Iterable[Account],
        clocks: Clocks,
        meters: Meters,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        calls = meters.tally(
            "bezant_provider_calls", "Calls to providers.", "provider", "mode", "operation", "end"
        )
        spent = meters.tally(
            "bezant_provider_milliseconds", "How long providers took.", "provider", "operation"
        )
        self._add_call: Final = calls.add
        self._add_time: Final = spent.add
        self._lines: Final[Mapping[tuple[str, Mode], _Line]] = {
            (account.provider, account.mode): _Line(account, clocks, chance) for account in accounts
        }

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        """Send a request with its account's credentials and tell what is known afterwards."""
        no_open_transaction()
        if request.method == LOCAL:
            return ProviderAnswer(Sending.ANSWERED, 204)
        line = self._lines.get((request.provider, request.mode))
        if line is None:
            raise ProviderNotConfigured(facts={"provider": request.provider, "mode": request.mode})
        answer = await line.send(request)
        end = str(answer.status) if answer.sending is Sending.ANSWERED else str(answer.sending)
        self._add_call(request.provider, request.mode, request.operation, end)
        self._add_time(request.provider, request.operation, amount=answer.milliseconds)
        _log.info(
            "provider.called",
            provider=request.provider,
            mode=request.mode,
            operation=request.operation,
            key=request.key,
            end=end,
            milliseconds=answer.milliseconds,
        )
        return answer

    async def certificate(self, provider: str, mode: Mode, url: str) -> bytes | None:
        """Fetch a certificate a provider signs with; the caller has allowed the address."""
        line = self._lines.get((provider, mode))
        return None if line is None else await line.fetch(url)

    async def close(self) -> None:
        """Close every connection."""
        for line in self._lines.values():
            line.close()


class _Line:
    """The connections to one account."""

    def __init__(self, account: Account, clocks: Clocks, chance: Callable[[int], bytes]) -> None:
        base = urlsplit(account.base_url)
        self._account: Final = account
        self._path: Final = base.path
        self._host_and_path: Final = base.netloc + base.path
        self._clocks: Final = clocks
        self._chance: Final = chance
        self._breaker: Final = Breaker(time.monotonic)
        self._connections: Final = Connections(account.base_url)
        self._token = ""
        self._token_until_seconds = 0.0
        self._token_lock: Final = asyncio.Lock()

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        ticket = self._breaker.enter(SLOW_SECONDS)
        if ticket is None:
            return ProviderAnswer(Sending.NOT_SENT)
        answered: bool | None = None
        try:
            answer = await self._send(request)
            answered = answer.sending is Sending.ANSWERED and answer.status < 500
        finally:
            self._breaker.leave(ticket, answered=answered)
        return answer

    async def fetch(self, url: str) -> bytes | None:
        parts = urlsplit(url)
        elsewhere = Connections(url)
        path = f"{parts.path or '/'}{parts.query and f'?{parts.query}'}"
        try:
            answer = await _exchange(elsewhere, "GET", path, (), b"", TOKEN_DEADLINE_SECONDS)
        finally:
            elsewhere.close()
        fits = answer.status == 200 and len(answer.body) <= CERTIFICATE_BYTES_MAX
        return answer.body if fits else None

    def close(self) -> None:
        self._connections.close()

    async def _send(self, request: ProviderRequest) -> ProviderAnswer:
        answer = await self._send_once(request)
        if answer.status == 401 and isinstance(self._account.credential, ClientCredentials):
            self._token = ""  # Revoked before its time; this request was not worked on.
            answer = await self._send_once(request)
        return answer

    async def _send_once(self, request: ProviderRequest) -> ProviderAnswer:
        proof = await self._proof(request)
        if proof is None:
            return ProviderAnswer(Sending.NOT_SENT)
        headers = [*request.headers, proof]
        if request.encoding is not Encoding.NONE:
            headers.append(("content-type", request.encoding))
        return await _exchange(
            self._connections,
            request.method,
            self._path + request.path,
            headers,
            request.body,
            request.deadline_seconds,
        )

    async def _proof(self, request: ProviderRequest) -> tuple[str, str] | None:
        """Return the header that shows whose account it is; nothing if there is none to be had."""
        credential = self._account.credential
        if isinstance(credential, ClientCredentials):
            token = await self._fresh_token(credential)
            return ("authorization", f"Bearer {token}") if token else None
        if isinstance(credential, SigningKey):
            path = self._host_and_path + request.path.partition("?")[0]
            now = self._clocks.now(self._account)
            nonce = self._chance(NONCE_BYTES).hex()
            return credential.header(request.method, path, now, nonce)
        return credential.header()

    async def _fresh_token(self, credential: ClientCredentials) -> str:
        if self._token and time.monotonic() < self._token_until_seconds:
            return self._token
        async with self._token_lock:
            if not self._token or time.monotonic() >= self._token_until_seconds:
                await self._take_token(credential)
            return self._token

    async def _take_token(self, credential: ClientCredentials) -> None:
        self._token = ""
        asked_at = time.monotonic()
        answer = await _exchange(
            self._connections,
            "POST",
            self._path + credential.token_path,
            [credential.header(), ("content-type", Encoding.FORM)],
            b"grant_type=client_credentials",
            TOKEN_DEADLINE_SECONDS,
        )
        try:
            found = read_json(answer.body)
        except NotReadable:
            return
        token, seconds = found.text("access_token"), found.whole("expires_in")
        # A token goes into a header, so nothing else may come along in it.
        if answer.status == 200 and token.isascii() and token.isprintable() and seconds:
            self._token = token
            kept_seconds = min(seconds, TOKEN_SECONDS_MAX) - TOKEN_MARGIN_SECONDS
            self._token_until_seconds = asked_at + max(kept_seconds, 0.0)


async def _exchange(
    connections: Connections,
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    deadline_seconds: float,
) -> ProviderAnswer:
    began = time.perf_counter()
    try:
        reply = await connections.exchange(
            method,
            path,
            headers,
            body,
            deadline_seconds=deadline_seconds,
            body_bytes_max=ANSWER_BYTES_MAX,
        )
    except NotConnected:
        return ProviderAnswer(Sending.NOT_SENT, milliseconds=_since(began))
    except Broken:
        return ProviderAnswer(Sending.SILENT, milliseconds=_since(began))
    return ProviderAnswer(
        Sending.ANSWERED,
        reply.status,
        reply.headers,
        reply.body,
        _since(began),
        hashlib.sha256(reply.body).hexdigest(),
    )


def _since(began_seconds: float) -> int:
    return int((time.perf_counter() - began_seconds) * 1000)

"""The edge: what happens to every request around a module's handler, in one order for both lanes.

    gate: lists, HTTPS, limits of the address -> who is asking -> limits of the caller -> permission
    -> idempotency key -> body -> handler

Nothing here is cancelled when a caller goes away: the server lets a handler finish (see
`serve.py`), and what it wrote is found again under its idempotency key.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import cast

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bezant.errors import BezantError
from bezant.http import answers
from bezant.http.bodies import CallerLeft, check_json, read_body
from bezant.http.caller import (
    Callers,
    Credential,
    CredentialKind,
    CredentialMissing,
    DigestMismatch,
    PermissionMissing,
    StepUpNeeded,
    credential_of,
    refuse_cross_site,
    with_proof,
    with_signature,
)
from bezant.http.certificates import HEADER, SHOWN, with_certificate
from bezant.http.cors import Cors
from bezant.http.entries import Entry
from bezant.http.fast import FastRequest
from bezant.http.gate import Gate, Overloaded, Rules, is_of_this_machine
from bezant.http.headers import client_of, is_trusted, read_headers
from bezant.http.idempotency import Idempotency, key_of
from bezant.http.limits import Limits
from bezant.http.mistakes import of_pydantic
from bezant.http.problems import (
    AddressTooLong,
    InternalError,
    MalformedRequest,
    MediaTypeUnsupported,
    error_of_status,
)
from bezant.http.protocol import CYCLE, body_at_hand
from bezant.http.routes import LOCAL, LOCAL_PERMISSION, PUBLIC
from bezant.http.seen import Seen, Watcher
from bezant.http.signatures import digest_fits
from bezant.http.table import PATH_CHARACTERS_MAX, Table
from bezant.http.visit import VISIT, Visit, named_by_front
from bezant.ids import Ids
from bezant.telemetry import REQUEST_ID, TRACE_ID, log
from bezant.telemetry.metrics import Meters
from bezant.telemetry.traces import continue_trace, span, tracing

QUERY_CHARACTERS_MAX = 4_096
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_log = log("http")

__all__ = ["QUERY_CHARACTERS_MAX", "Edge", "Overloaded", "Rules"]


class Edge:
    """One listener's ASGI application."""

    def __init__(
        self,
        table: Table[Entry],
        *,
        callers: Callers,
        limits: Limits,
        rules: Rules,
        meters: Meters,
        ids: Ids,
        known_names: Callable[[], frozenset[str]] = frozenset[str],
        watcher: Watcher | None = None,
    ) -> None:
        self._table = table
        self._callers = callers
        self._gate = Gate(rules, limits, meters)
        self._rules = rules
        self._meters = meters
        self._known_names = known_names
        self._watcher = watcher
        self._cors = Cors(rules.origins)
        self._request_prefix = f"req_{ids.uuid().hex[:20]}"
        self._requests = 0
        self._unmatched = Entry.unmatched(meters)

    def rows(self) -> Iterator[tuple[str, str, Entry]]:
        """Yield every route of this listener: its method, its path, and what stands there."""
        return self._table.rows()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _answer_other(scope, receive, send)
            return
        started = perf_counter()
        self._requests += 1
        visit = Visit(f"{self._request_prefix}{self._requests:012x}")
        REQUEST_ID.set(visit.request_id)
        self._meters.in_flight += 1
        entry = self._unmatched
        try:
            entry = self._route(scope, visit)
            if b"traceparent" in visit.headers or tracing():
                await self._traced(entry, visit, scope, receive, send)
            else:
                await self._answer(entry, visit, scope, receive, send)
        except CallerLeft:
            visit.status = answers.CALLER_LEFT
        except Exception as failure:  # noqa: BLE001 - every failure becomes an answer
            await self._tell(failure, visit, scope, send)
            failure.__traceback__ = None  # It leads to this request, which knows its failure.
        finally:
            # It knows its scope: left there, only the garbage collector would end the two.
            scope.pop(CYCLE, None)
            self._meters.in_flight -= 1
            seconds = perf_counter() - started
            entry.meter.answered(visit.status, seconds)
            answers.write_access_line(visit, scope["method"], entry.path, seconds)
            if self._watcher is not None:
                self._watcher(Seen(visit, scope["method"], entry.path, seconds))

    async def _traced(
        self, entry: Entry, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        traceparent = visit.headers.get(b"traceparent", b"").decode("latin-1")
        with continue_trace(traceparent), span(f"{entry.method} {entry.path}"):
            visit.trace_id = TRACE_ID.get()
            await self._answer(entry, visit, scope, receive, send)

    def _route(self, scope: Scope, visit: Visit) -> Entry:
        """Read what is cheap to read, and find out which route is meant."""
        client = cast("tuple[str, int] | None", scope.get("client"))
        peer = client[0] if client else ""
        visit.address = peer
        visit.secure = scope["scheme"] == "https"
        visit.headers = headers = read_headers(scope["headers"])
        if HEADER in headers or SHOWN in scope:
            by_proxy = is_trusted(peer, self._rules.trusted_proxies)
            headers = with_certificate(headers, scope.get(SHOWN), by_proxy=by_proxy)
            visit.headers = headers
        if self._rules.trusted_proxies:
            trusted = self._rules.trusted_proxies
            visit.address, forwarded_secure = client_of(peer, headers, trusted)
            # A proxy of ours may come encrypted itself; what counts is how the client came to it.
            if b"x-forwarded-proto" not in headers or not is_trusted(peer, trusted):
                forwarded_secure = forwarded_secure or visit.secure
            visit.secure = forwarded_secure
            if self._rules.named_in_front and is_trusted(peer, trusted):
                _take_name(visit)
        method, path = cast("str", scope["method"]), cast("str", scope["path"])
        if method == "HEAD":
            method = "GET"
        entry = self._table.plain(method, path)
        if entry is not None:
            return entry
        if len(path) > PATH_CHARACTERS_MAX:
            raise AddressTooLong
        if not path.isprintable():
            raise MalformedRequest
        found = self._table.find(method, path)
        if found is None:
            return self._unmatched
        entry, visit.path = found
        return entry

    async def _answer(
        self, entry: Entry, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if entry.limited:
            self._gate.look_at(entry, visit)
            if self._rules.https is not None:
                address = self._gate.elsewhere(entry, visit, scope)
                if address:
                    await answers.send_empty(scope, send, visit, 301, ((b"location", address),))
                    return
        if len(scope["query_string"]) > QUERY_CHARACTERS_MAX:
            raise AddressTooLong
        if b"%00" in scope["query_string"]:
            raise MalformedRequest  # PostgreSQL stores no NUL, so nothing is found by one either.
        if entry is self._unmatched:
            await self._answer_unmatched(visit, scope, send)
            return
        await self._admit(entry, visit, scope)
        if entry.fast is not None:
            await self._answer_fast(entry, visit, scope, receive, send)
        else:
            await self._answer_ordinary(entry, visit, scope, receive, send)

    async def _admit(self, entry: Entry, visit: Visit, scope: Scope) -> None:
        """Let in who may come in."""
        permission = entry.permission
        if permission == PUBLIC:
            return
        if permission == LOCAL:
            if is_of_this_machine(scope, visit.headers):
                return
            permission = LOCAL_PERMISSION
        if not entry.limited:  # Else keys could be guessed here as often as one likes.
            self._gate.look_at(entry, visit)
        credential = _credential_of(scope, visit)
        actor = self._callers.known(credential) or await self._callers.identify(credential)
        visit.actor = actor
        self._gate.spend_caller(visit, actor)
        if permission in actor.withheld:
            raise StepUpNeeded(facts={"permission": permission})
        if permission not in actor.permissions:
            raise PermissionMissing(facts={"permission": permission})

    async def _answer_fast(
        self, entry: Entry, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        route = entry.fast
        assert route is not None
        assert visit.actor is not None, "the fast lane serves identified callers only"
        headers = visit.headers
        if entry.idempotency is not Idempotency.NONE:
            visit.idempotency_key = key_of(headers, entry.idempotency)
        if headers.get(b"content-type") != b"application/json":
            _refuse_media_type(headers, entry)
        cycle = cast("RequestResponseCycle | None", scope.get(CYCLE))
        body = body_at_hand(cycle) if cycle is not None else None
        if body is None or len(body) > entry.body_bytes_max:
            body = await read_body(receive, headers, entry.body_bytes_max)
        if visit.signed and not digest_fits(headers, body):
            raise DigestMismatch
        request = FastRequest(
            visit.actor,
            route.decode(body),
            visit.path,
            visit.idempotency_key,
            visit.request_id,
            visit.address,
        )
        answer = await route.handler(request)
        await answers.send_fast(scope, send, visit, answer, self._cors.answer_headers(headers))

    async def _answer_ordinary(
        self, entry: Entry, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        visit.idempotency_key = key_of(visit.headers, entry.idempotency)
        if entry.reads_body:
            body = await read_body(receive, visit.headers, entry.body_bytes_max)
            if visit.signed and not digest_fits(visit.headers, body):
                raise DigestMismatch
            if body and _refuse_media_type(visit.headers, entry) == b"application/json":
                check_json(body)
            receive = answers.replay(body, receive)
        scope["path_params"] = visit.path
        scope[VISIT] = visit
        extra = self._cors.answer_headers(visit.headers)
        assert entry.ordinary is not None
        await entry.ordinary(
            scope, receive, answers.dressed(scope, send, visit, entry.policy, extra)
        )

    async def _answer_unmatched(self, visit: Visit, scope: Scope, send: Send) -> None:
        headers = visit.headers
        if self._cors.is_preflight(scope["method"], headers):
            await answers.send_empty(scope, send, visit, 204, self._cors.preflight_headers(headers))
            return
        methods = self._table.methods(scope["path"])
        if not methods:
            raise error_of_status(404)
        allow = answers.allow_of(methods)
        if scope["method"] == "OPTIONS":
            await answers.send_empty(
                scope, send, visit, 204, (allow, *self._cors.answer_headers(headers))
            )
            return
        extra = (allow, *self._cors.answer_headers(headers))
        await answers.send_problem(
            scope, send, visit, error_of_status(405), self._rules.dialect, extra
        )

    async def _tell(self, failure: Exception, visit: Visit, scope: Scope, send: Send) -> None:
        """Turn a failure into an answer, unless an answer is already on its way."""
        if isinstance(failure, BezantError):
            error = failure
        elif isinstance(failure, RequestValidationError):
            errors = cast("Sequence[Mapping[str, object]]", failure.errors())
            error = of_pydantic(errors, self._known_names())
        elif isinstance(failure, HTTPException):
            error = error_of_status(failure.status_code)
        else:
            error = InternalError()
            _log.error("http.failed", failure, **_trace(visit))
        visit.problem = error
        if visit.status:
            # Half an answer is out; the connection must break, so that nobody takes it for a
            # whole one.
            raise failure
        extra = self._cors.answer_headers(visit.headers)
        await answers.send_problem(scope, send, visit, error, self._rules.dialect, extra)


def _take_name(visit: Visit) -> None:
    """Call a request what whoever stands in front calls it: both tell and log the same name."""
    named = visit.headers.get(b"x-request-id", b"")
    if _UUID.match(named):
        visit.request_id = named_by_front(named.decode())
        REQUEST_ID.set(visit.request_id)


def _refuse_media_type(headers: Mapping[bytes, bytes], entry: Entry) -> bytes:
    """Return the body's media type if the route takes it."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type not in entry.accepts:
        raise MediaTypeUnsupported(f"send {' or '.join(sorted(a.decode() for a in entry.accepts))}")
    return media_type


def _credential_of(scope: Scope, visit: Visit) -> Credential:
    """Return the one credential of a request, with whatever else it shows of it."""
    credential = credential_of(visit.headers, visit.address)
    if credential is None:
        raise CredentialMissing
    if scope["method"] not in _SAFE and _comes_along(credential, visit.headers):
        refuse_cross_site(visit.headers)
    if credential.kind is CredentialKind.DPOP or HEADER in visit.headers:
        address = _address_of(scope, visit)
        credential = with_proof(credential, visit.headers, scope["method"], address)
    if credential.kind is CredentialKind.SIGNATURE:
        query = scope["query_string"].decode("latin-1")
        target = _address_of(scope, visit) + (f"?{query}" if query else "")
        credential = with_signature(
            credential, visit.headers, scope["headers"], scope["method"], target
        )
        visit.signed = True
    return credential


def _comes_along(credential: Credential, headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a browser sends this by itself, whatever site asks it to.

    It does so with a certificate, too; but most come from programs, which say nothing of sites.
    """
    if credential.kind is CredentialKind.CERTIFICATE:
        return b"sec-fetch-site" in headers or b"origin" in headers
    return credential.kind is CredentialKind.SESSION


def _address_of(scope: Scope, visit: Visit) -> str:
    """Return the address that was asked, as its caller wrote it, without its query."""
    host = visit.headers.get(b"host", b"").decode("latin-1")
    raw = cast("bytes", scope.get("raw_path") or scope["path"].encode())
    scheme = "https" if visit.secure else "http"
    return f"{scheme}://{host}{raw.partition(b'?')[0].decode('latin-1')}"


def _trace(visit: Visit) -> dict[str, str]:
    return {"trace_id": visit.trace_id} if visit.trace_id else {}


async def _answer_other(scope: Scope, receive: Receive, send: Send) -> None:
    """There are no websockets here, and nothing to do when a server starts or ends."""
    if scope["type"] != "lifespan":
        await send({"type": "websocket.close", "code": 1003})
        return
    while True:
        message: Message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

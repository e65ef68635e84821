"""Calls: how a request reaches an emulator, and everything that can happen to it on the way.

Who calls is asked first, then whether the call was made before, then whether a script has
something in mind for it. What the emulator does, what it keeps under the idempotency key, what is
logged and which webhooks leave are one transaction, on disk before a byte of the answer is sent.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol, cast
from urllib.parse import parse_qsl, unquote

from starlette.types import Receive, Scope, Send

from bezant.sandbox.book import Book, Chance, Page
from bezant.sandbox.emulator import Call, Emulator, Facts, Failure, NotDone, Route
from bezant.sandbox.exchange import Answer, Ending, Exchange, Kept, legible
from bezant.sandbox.scripts import BEFORE_ACTING, Effect, Script
from bezant.sandbox.store import exchange
from bezant.telemetry import log

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
SILENCE_SECONDS_MAX: Final = 600.0  # Nobody waits longer; then the connection is cut.
REQUEST_ID_BYTES: Final = 9
_SILENT: Final = frozenset({Effect.TIMEOUT_BEFORE_ACTING, Effect.TIMEOUT_AFTER_ACTING})
_CUT: Final = frozenset({Effect.DROP_BEFORE_ACTING, Effect.DROP_AFTER_ACTING})
_log = log("sandbox")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call goes on: an answer and how it leaves, or first a while of waiting."""

    answer: Answer | None
    ending: Ending = Ending.ANSWERED
    slow: Script | None = None


class _Gone(Exception):
    """The caller went away before the request was whole."""


class Front:
    """The ASGI application of one emulator."""

    def __init__(self, emulator: Emulator, book: Book, chance: Chance) -> None:
        self._emulator = emulator
        self._book = book
        self._chance = chance
        self._routes = tuple(emulator.routes())
        self._in_flight: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or leave it without an answer."""
        try:
            body = await _body(receive)
        except _Gone:
            return
        call = _call(scope, body or b"", self._chance(REQUEST_ID_BYTES).hex())
        if body is None:
            answer = self._emulator.failed(call, Failure.TOO_LARGE)
            await _answer(send, self._emulator.dressed(call, answer), call.method)
            return
        try:
            outcome = await self._outcome(call)
        except Exception as mistake:  # noqa: BLE001 - a mistake of ours, and the caller survives it
            _log.error("call.failed", mistake, provider=self._emulator.provider)
            outcome = Outcome(self._emulator.failed(call, Failure.SERVER_ERROR))
        if outcome.ending is Ending.SILENT:
            await _silence(receive)
        if outcome.ending is not Ending.ANSWERED or outcome.answer is None:
            await _cut(scope, receive)
            return
        await _answer(send, self._emulator.dressed(call, outcome.answer), call.method)

    async def _outcome(self, call: Call) -> Outcome:
        route, parameters = _found(self._routes, call)
        if route is None:
            return await self._refuse(call, Facts(), Failure.NO_ROUTE)
        call = replace(call, operation=route.operation, parameters=parameters)
        facts = self._emulator.facts(call)
        mine = (facts.scope, facts.key)
        if not facts.key:
            return await self._worked_on(call, facts, route)
        if mine in self._in_flight:
            return await self._refuse(call, facts, Failure.IN_FLIGHT)
        self._in_flight.add(mine)
        try:
            return await self._worked_on(call, facts, route)
        finally:
            self._in_flight.discard(mine)

    async def _worked_on(self, call: Call, facts: Facts, route: Route) -> Outcome:
        provider = self._emulator.provider
        work = _Work(self._emulator, call, facts, route)
        outcome = await self._book.write(provider, work.begin)
        if outcome.slow is not None:
            await asyncio.sleep(outcome.slow.seconds)
            outcome = await self._book.write(provider, partial(work.act, script=outcome.slow))
        return outcome

    async def _refuse(self, call: Call, facts: Facts, failure: Failure) -> Outcome:
        answer = self._emulator.failed(call, failure)

        def write(page: Page) -> None:
            _write_down(page, call, facts, Outcome(answer))

        await self._book.write(self._emulator.provider, write)
        return Outcome(answer)


@dataclass(frozen=True, slots=True)
class _Work:
    """One call on the book's thread."""

    emulator: Emulator
    call: Call
    facts: Facts
    route: Route

    def begin(self, page: Page) -> Outcome:
        """See what is to happen to the call; do it unless it has to wait first."""
        refused = self.emulator.admit(self.call, page)
        if refused is not None:
            return self._written(page, Outcome(refused), None)
        mine = (page.provider, self.call.operation, self.facts.amount, self.facts.key)
        script = exchange.take_call_script(page.book, self.route.heeds, mine)
        if script is None:
            return self.act(page)
        if script.effect in BEFORE_ACTING:
            return self._written(page, self._not_even_begun(script), script)
        if script.effect is Effect.SLOW:
            return Outcome(None, slow=script)
        return self.act(page, script)

    def act(self, page: Page, script: Script | None = None) -> Outcome:
        """Do what the call asks for, once per idempotency key."""
        kept = self._kept(page)
        answer = self._again(page, kept) if kept is not None else self._done(page, script)
        outcome = Outcome(answer)
        if script is not None and script.effect in _SILENT:
            outcome = Outcome(answer, Ending.SILENT)
        if script is not None and script.effect in _CUT:
            outcome = Outcome(answer, Ending.DROPPED)
        return self._written(page, outcome, script)

    def _not_even_begun(self, script: Script) -> Outcome:
        if script.effect in _SILENT:
            return Outcome(None, Ending.SILENT)
        if script.effect in _CUT:
            return Outcome(None, Ending.DROPPED)
        limited = script.effect is Effect.RATE_LIMIT
        failure = Failure.RATE_LIMIT if limited else Failure.SERVER_ERROR
        return Outcome(self.emulator.failed(self.call, failure))

    def _kept(self, page: Page) -> Kept | None:
        if not self.facts.key:
            return None
        kept = exchange.kept(page.book, page.provider, self._name())
        old = kept is not None and page.now - kept.answered_at > self.emulator.remembers
        return None if old else kept

    def _name(self) -> str:
        return f"{self.facts.scope} {self.facts.key}".strip()

    def _again(self, page: Page, kept: Kept) -> Answer:
        if kept.fingerprint != page.print_of(self.call.told):
            return self.emulator.failed(self.call, Failure.OTHER_REQUEST)
        return self.emulator.replayed(self.call, page, kept)

    def _done(self, page: Page, script: Script | None) -> Answer:
        call = replace(self.call, script=script)
        try:
            with page.undone_if_refused():
                answer = self.route.handler(call, page)
        except NotDone as refused:
            return refused.answer
        broken = script is not None and script.effect is Effect.ERROR_AFTER_ACTING
        told = self.emulator.failed(call, Failure.SERVER_ERROR) if broken else answer
        if self.facts.key:
            lasting = told if self.emulator.keeps_server_errors else answer
            kept = Kept(page.print_of(call.told), call.request, lasting, page.now)
            exchange.keep(page.book, page.provider, self._name(), kept)
        return told

    def _written(self, page: Page, outcome: Outcome, script: Script | None) -> Outcome:
        _write_down(page, self.call, self.facts, outcome, script)
        return outcome


def _write_down(
    page: Page, call: Call, facts: Facts, outcome: Outcome, script: Script | None = None
) -> None:
    answer = outcome.answer if outcome.ending is Ending.ANSWERED else None
    exchange.log_call(
        page.book,
        Exchange(
            0,
            page.provider,
            call.operation,
            call.method,
            call.path,
            facts.key,
            legible(call.body),
            answer.status if answer else 0,
            legible(answer.body) if answer else "",
            outcome.ending,
            script.number if script else 0,
            page.now,
        ),
    )


def _found(routes: Sequence[Route], call: Call) -> tuple[Route | None, Mapping[str, str]]:
    for route in routes:
        parameters = route.matches(call.path) if route.method == call.method else None
        if parameters is not None:
            return route, parameters
    return None, {}


def _call(scope: Scope, body: bytes, request: str) -> Call:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in cast("list[tuple[bytes, bytes]]", scope["headers"])
    }
    query = cast("bytes", scope["query_string"]).decode("latin-1")
    host, port = cast("tuple[str, int]", scope["server"])
    return Call(
        method=cast("str", scope["method"]),
        path=unquote(cast("bytes", scope["raw_path"]).decode("latin-1").partition("?")[0]),
        query=parse_qsl(query, keep_blank_values=True, max_num_fields=1_000),
        headers=headers,
        body=body,
        base_url=f"{scope['scheme']}://{headers.get('host') or f'{host}:{port}'}",
        request=request,
    )


async def _body(receive: Receive) -> bytes | None:
    """Read the body; None if it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = cast("bytes", message.get("body", b""))
        size += len(part)
        if size > BODY_BYTES_MAX:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _answer(send: Send, answer: Answer, method: str) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    body = b"" if answer.status == HTTPStatus.NO_CONTENT or method == "HEAD" else answer.body
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _silence(receive: Receive) -> None:
    """Wait until the caller has given up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SILENCE_SECONDS_MAX):
            await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Transport(Protocol):
    def abort(self) -> None: ...


class _Cycle(Protocol):
    @property
    def transport(self) -> _Transport: ...


async def _cut(scope: Scope, receive: Receive) -> None:
    """Cut the connection without a word. `http/serve.py` leaves its connection in the scope."""
    cast("_Cycle", scope["bezant.cycle"]).transport.abort()
    await _gone(receive)

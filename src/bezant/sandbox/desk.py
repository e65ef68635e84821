"""The desk: inspection and scripts over HTTP, as JSON for programs and as a page for people.

It is for whoever sits at this machine. A page from elsewhere, opened in the same browser, may not
use it: its requests name their origin, or this host by another name.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bezant.errors import BezantError, Forbidden, Invalid
from bezant.sandbox.inspection import Inspection, Payment
from bezant.sandbox.movement import Movement
from bezant.sandbox.pages import POLICY, overview
from bezant.sandbox.schedule import Delivery
from bezant.sandbox.scripts import Script

LIMIT_MAX: Final = 1_000
BODY_BYTES_MAX: Final = 16 * 1024
LISTENING: Final = "listening"
"""The endpoint that was set here, beside those that were agreed on."""
NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
Answering = Callable[[Request, Inspection], Awaitable[Response]]
Read = TypeVar("Read")


class StrangePage(Forbidden):
    """The sandbox answers programs and its own page, not pages from elsewhere."""

    code = "strange_page"


class MalformedQuestion(Invalid):
    """The sandbox does not understand this request."""

    code = "malformed_question"


class ScriptWish(msgspec.Struct, frozen=True):
    """A script as it is asked for."""

    effect: str
    provider: str = ""
    operation: str = ""
    amount: str = ""
    key: str = ""
    code: str = ""
    seconds: int = 0
    times: int = 1


class EndpointWish(msgspec.Struct, frozen=True):
    """Where webhooks are to go."""

    url: str
    secret: str
    id: str = LISTENING


def desk(inspection: Inspection) -> Starlette:
    """Return the application."""

    def route(path: str, method: str, answer: Answering) -> Route:
        async def answered(request: Request) -> Response:
            try:
                _refuse_strangers(request)
                return await answer(request, inspection)
            except BezantError as error:
                told = {"code": error.code, "detail": error.detail, "field": error.field}
                return _json(told, error.status)

        return Route(path, answered, methods=[method])

    return Starlette(
        routes=[
            route("/", "GET", _page),
            route("/health", "GET", _health),
            route("/calls", "GET", _calls),
            route("/charges", "GET", _charges),
            route("/movements", "GET", _movements),
            route("/scripts", "GET", _scripts),
            route("/scripts", "POST", _add_script),
            route("/scripts", "DELETE", _end_scripts),
            route("/scripts/end", "POST", _end_scripts),
            route("/webhooks", "GET", _webhooks),
            route("/webhooks/{number:int}/again", "POST", _send_again),
            route("/endpoints/{provider}", "PUT", _endpoint),
            route("/due", "POST", _catch_up),
            route("/settlements/{day}", "GET", _settlements),
            route("/settlements/{day}/{provider}", "GET", _settlement),
        ]
    )


def _refuse_strangers(request: Request) -> None:
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == host
    if not same or NAMES.isdisjoint({host, host.rpartition(":")[0]}):
        raise StrangePage


async def _page(request: Request, inspection: Inspection) -> Response:
    del request
    text = overview(
        inspection.now(),
        inspection.providers,
        await inspection.scripts(),
        await inspection.movements(limit=30),
        await inspection.calls(limit=50),
        await inspection.deliveries(limit=30),
    )
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return Response(text, headers=headers, media_type="text/html; charset=utf-8")


async def _health(request: Request, inspection: Inspection) -> Response:
    del request
    return _json({"status": "ok", "time": inspection.now(), "providers": inspection.providers})


async def _calls(request: Request, inspection: Inspection) -> Response:
    asked = request.query_params
    found = await inspection.calls(asked.get("provider"), asked.get("key"), _limit(request))
    return _json({"calls": found})


async def _charges(request: Request, inspection: Inspection) -> Response:
    key = request.query_params.get("key")
    if not key:
        raise MalformedQuestion("say whose charges: ?key=…", field="key")
    found = await inspection.payments(key, request.query_params.get("provider"))
    charges = sum(one.charges for one in found)
    return _json({"charges": charges, "payments": [_payment(one) for one in found]})


async def _movements(request: Request, inspection: Inspection) -> Response:
    provider = request.query_params.get("provider")
    found = await inspection.movements(provider, _limit(request))
    return _json({"movements": [_movement(one) for one in found]})


async def _scripts(request: Request, inspection: Inspection) -> Response:
    del request
    return _json({"scripts": await inspection.scripts()})


async def _add_script(request: Request, inspection: Inspection) -> Response:
    wish = await _read(request, ScriptWish)
    number = await inspection.add(
        Script.asked(
            wish.effect,
            provider=wish.provider,
            operation=wish.operation,
            amount=wish.amount,
            key=wish.key,
            code=wish.code,
            seconds=wish.seconds,
            times=wish.times,
        )
    )
    return _done(request, {"number": number}, 201)


async def _end_scripts(request: Request, inspection: Inspection) -> Response:
    number = request.query_params.get("number")
    if number is not None and not number.isdecimal():
        raise MalformedQuestion(field="number")
    ended = await inspection.end_scripts(int(number) if number else None)
    return _done(request, {"ended": ended})


async def _webhooks(request: Request, inspection: Inspection) -> Response:
    found = await inspection.deliveries(request.query_params.get("provider"), _limit(request))
    return _json({"webhooks": [_delivery(one) for one in found]})


async def _send_again(request: Request, inspection: Inspection) -> Response:
    await inspection.send_again(request.path_params["number"])
    return _done(request, {"planned": True})


async def _endpoint(request: Request, inspection: Inspection) -> Response:
    wish = await _read(request, EndpointWish)
    provider = request.path_params["provider"]
    await inspection.send_webhooks_to(provider, wish.url, wish.secret, wish.id)
    return _json({"provider": provider, "id": wish.id, "url": wish.url})


async def _catch_up(request: Request, inspection: Inspection) -> Response:
    await inspection.catch_up()
    return _done(request, {"time": inspection.now()})


async def _settlements(request: Request, inspection: Inspection) -> Response:
    day = _day(request)
    found = [await inspection.settlement(one, day) for one in inspection.providers]
    told = [
        {
            "provider": one.provider,
            "file": one.file.name,
            "url": f"/settlements/{day}/{one.provider}",
            "movements": [_movement(moved) for moved in one.movements],
        }
        for one in found
    ]
    return _json({"day": day, "settlements": told})


async def _settlement(request: Request, inspection: Inspection) -> Response:
    found = await inspection.settlement(request.path_params["provider"], _day(request))
    named = {"content-disposition": f'attachment; filename="{found.file.name}"'}
    return Response(found.file.text, headers=named, media_type=found.file.kind)


def _payment(payment: Payment) -> Mapping[str, object]:
    return {
        "provider": payment.provider,
        "payment": payment.payment,
        "charges": payment.charges,
        "movements": [_movement(one) for one in payment.movements],
    }


def _movement(movement: Movement) -> Mapping[str, object]:
    return {
        "provider": movement.provider,
        "kind": movement.kind,
        "id": movement.id,
        "payment": movement.payment,
        "key": movement.key,
        "asset": movement.asset,
        "amount": str(movement.amount),
        "fee": str(movement.fee),
        "occurred_at": movement.occurred_at,
        "payout": movement.payout,
    }


def _delivery(delivery: Delivery) -> Mapping[str, object]:
    return {
        "number": delivery.number,
        "provider": delivery.provider,
        "event": delivery.event,
        "type": delivery.kind,
        "url": delivery.endpoint.url,
        "state": delivery.state,
        "forged": delivery.forged,
        "tries": delivery.tries,
        "last": delivery.last,
        "due_at": delivery.due_at,
    }


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "100")
    if not text.isdecimal() or not 1 <= int(text) <= LIMIT_MAX:
        raise MalformedQuestion(f"a limit is 1 to {LIMIT_MAX}", field="limit")
    return int(text)


def _day(request: Request) -> date:
    try:
        return date.fromisoformat(request.path_params["day"])
    except ValueError:
        raise MalformedQuestion("a day is written 2026-03-01", field="day") from None


async def _read(request: Request, kind: type[Read]) -> Read:
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        raise MalformedQuestion("that is too long")
    try:
        if _is_form(request):
            filled = {name: value for name, value in parse_qsl(body.decode()) if value}
            return msgspec.convert(filled, kind, strict=False)
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise MalformedQuestion(str(wrong)) from None


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "")
    return kind.startswith("application/x-www-form-urlencoded")


def _done(request: Request, told: object, status: int = 200) -> Response:
    """Bring the page's own buttons back to it; answer programs."""
    return RedirectResponse("/", 303) if _is_form(request) else _json(told, status)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")

"""The steps of a payment over HTTP: all of them take the fast lane."""

from typing import Final

from bezant.http.fast import FastAnswer, FastRequest, FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.routes import Routes
from bezant.payments.http import bodies as b
from bezant.payments.port import Payment, Payments, Refund

WRITE: Final = "payments.write"
REFUND: Final = "refunds.write"
KEYED: Final = Idempotency.REQUIRED


def add(routes: Routes, port: Payments) -> None:
    """Add the routes that move money."""
    _create(routes, port)
    _steps(routes, port)


def _create(routes: Routes, port: Payments) -> None:
    async def create(request: FastRequest[b.PaymentBody]) -> FastAnswer:
        """Ask a payer for money."""
        return _payment(
            await port.create(request.body.command(request.actor, _key(request.idempotency_key))),
            201,
        )

    async def refund(request: FastRequest[b.RefundBody]) -> FastAnswer:
        """Give money back; above a threshold a second person has to agree first."""
        command = request.body.command(request.actor, _key(request.idempotency_key))
        return _refund(await port.request_refund(command))

    routes.add_fast(
        FastRoute(
            "POST", "/v1/payments", WRITE, create, b.PaymentBody, b.PaymentAnswer,
            idempotency=KEYED,
        )
    )  # fmt: skip
    routes.add_fast(
        FastRoute(
            "POST", "/v1/refunds", REFUND, refund, b.RefundBody, b.RefundAnswer, idempotency=KEYED
        )
    )


def _steps(routes: Routes, port: Payments) -> None:
    async def confirm(request: FastRequest[b.ConfirmBody]) -> FastAnswer:
        """Charge a payment that waits for a way to pay, or that was declined."""
        command = request.body.command(
            request.actor, _key(request.idempotency_key), request.path["payment"]
        )
        return _payment(await port.confirm(command), 200)

    async def capture(request: FastRequest[b.CaptureBody]) -> FastAnswer:
        """Take what is set aside, or a part of it."""
        command = request.body.command(
            request.actor, _key(request.idempotency_key), request.path["payment"]
        )
        return _payment(await port.capture(command), 200)

    async def void(request: FastRequest[b.VoidBody]) -> FastAnswer:
        """Let go of what is set aside."""
        command = request.body.command(
            request.actor, _key(request.idempotency_key), request.path["payment"]
        )
        return _payment(await port.void(command), 200)

    routes.add_fast(
        FastRoute(
            "POST", "/v1/payments/{payment}/confirm", WRITE, confirm, b.ConfirmBody,
            b.PaymentAnswer, idempotency=KEYED, status=200,
        )
    )  # fmt: skip
    routes.add_fast(
        FastRoute(
            "POST", "/v1/payments/{payment}/capture", WRITE, capture, b.CaptureBody,
            b.PaymentAnswer, idempotency=KEYED, status=200,
        )
    )  # fmt: skip
    routes.add_fast(
        FastRoute(
            "POST", "/v1/payments/{payment}/void", WRITE, void, b.VoidBody, b.PaymentAnswer,
            idempotency=KEYED, status=200,
        )
    )  # fmt: skip


def _key(key: str | None) -> str:
    assert key is not None, "the route requires one"
    return key


def _payment(payment: Payment, status: int) -> FastAnswer:
    return FastAnswer(b.PaymentAnswer.of(payment), status, payment.replayed)


def _refund(refund: Refund) -> FastAnswer:
    return FastAnswer(b.RefundAnswer.of(refund), 201, refund.replayed)

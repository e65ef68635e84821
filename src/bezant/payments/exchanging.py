"""Talking to a provider: send what a connector built, read what came back. Silence is an answer."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.errors import BezantError, Unavailable
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.payments.attempt import Operation
from bezant.payments.failpoints import Point
from bezant.payments.gathered import DUE
from bezant.payments.parts import Parts
from bezant.payments.transcribing import Transcribing
from bezant.payments.work import Work, answered, charge_of, follow_up_of, sent
from bezant.psp.port import Result, Verdict

_log = telemetry.log("payments")
SENDING: Final = DUE - timedelta(seconds=20)
"""Who has not sent by then does not send any more: somebody else is about to ask."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an exchange came to, with the digest of the answer."""

    verdict: Verdict
    digest: bytes | None = None


class Exchanges:
    """The one way from the payments to a provider and back."""

    def __init__(self, parts: Parts, transcribing: Transcribing) -> None:
        self._parts = parts
        self._transcribing = transcribing

    async def tell(self, work: Work, request: ProviderRequest) -> Heard:
        """Send what moves money, and read the answer."""
        parts = self._parts
        parts.failpoints.reach(Point.BEFORE_SEND)
        if work.sent:
            return Heard(sent(work))
        if parts.clock.now() - work.sent_at > SENDING:
            return Heard(Verdict(Result.NOT_SENT, status="too_late"))
        answer = await self._sent(request)
        if isinstance(answer, Verdict):
            return self._noted(work, Heard(answer))
        parts.failpoints.reach(Point.AFTER_SEND)
        heard = self._read(work, answer)
        self._transcribing.note(work, request, answer, heard.verdict)
        if heard.verdict.result is Result.APPROVED and work.operation is Operation.CHARGE:
            heard = await self._finish(work, heard.verdict.reference)
        return self._noted(work, heard)

    async def ask(self, work: Work, *, finishes: bool = True) -> Heard:
        """Ask what became of an attempt; what the payer has approved is finished, unless it was
        given up before: then nobody wants that money any more.
        """
        if work.sent:
            return Heard(sent(work))
        connector = self._parts.connectors[work.provider]
        step = follow_up_of(work, self._parts.clock.now())
        question = connector.ask(work.operation.value, step)
        answer = await self._sent(question)
        if isinstance(answer, Verdict):
            # A question that was not sent says nothing about what was sent before it.
            return Heard(Verdict(Result.UNKNOWN, status=answer.status))
        try:
            verdict = connector.asked(work.operation.value, step, answer)
        except Exception as error:  # noqa: BLE001 - what we cannot read tells us nothing
            _log.error("answer.unreadable", error, attempt=work.key, provider=work.provider)
            verdict = Verdict(Result.UNKNOWN, status="unreadable")
        if verdict.result in (Result.NOT_SENT, Result.OUTAGE):
            verdict = Verdict(Result.UNKNOWN, status=verdict.status)
        self._transcribing.note(work, question, answer, verdict)
        if finishes and verdict.result is Result.APPROVED and work.operation is Operation.CHARGE:
            return await self._finish(work, verdict.reference or work.reference)
        return Heard(verdict, _digest(answer))

    async def _finish(self, work: Work, reference: str) -> Heard:
        connector = self._parts.connectors[work.provider]
        charge = charge_of(work, self._parts.clock.now())
        request = connector.finish(charge, reference)
        answer = await self._sent(request)
        if isinstance(answer, Verdict):
            return Heard(Verdict(Result.UNKNOWN, reference, status=answer.status))
        try:
            heard = Heard(connector.finished(charge, answer), _digest(answer))
        except Exception as error:  # noqa: BLE001 - what we cannot read tells us nothing
            _log.error("answer.unreadable", error, attempt=work.key, provider=work.provider)
            heard = Heard(Verdict(Result.UNKNOWN, reference, status="unreadable"))
        self._transcribing.note(work, request, answer, heard.verdict)
        return heard

    async def _sent(self, request: ProviderRequest) -> ProviderAnswer | Verdict:
        """Send through the vault; what it refuses to send was not sent."""
        try:
            return await self._parts.vault.send(request)
        except Unavailable:
            return Verdict(Result.UNKNOWN, status="silent")
        except BezantError as error:
            return Verdict(Result.NOT_SENT, status=error.code)
        except Exception as error:  # noqa: BLE001 - whatever it was, it may have been sent before
            _log.error("exchange.failed", error, operation=request.operation)
            return Verdict(Result.UNKNOWN, status="silent")

    def _read(self, work: Work, answer: ProviderAnswer) -> Heard:
        connector = self._parts.connectors[work.provider]
        try:
            verdict = answered(connector, work, answer, self._parts.clock.now())
        except Exception as error:  # noqa: BLE001 - what we cannot read tells us nothing
            _log.error("answer.unreadable", error, attempt=work.key, provider=work.provider)
            sent = answer.sending is not Sending.NOT_SENT
            verdict = Verdict(Result.UNKNOWN if sent else Result.NOT_SENT, status="unreadable")
        return Heard(verdict, _digest(answer))

    def _noted(self, work: Work, heard: Heard) -> Heard:
        self._parts.health.note(work.provider, work.facts.mode, heard.verdict.result)
        return heard


def _digest(answer: ProviderAnswer) -> bytes | None:
    return bytes.fromhex(answer.digest) if answer.digest else None

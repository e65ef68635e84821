"""A card acquirer in memory, behind the vault's door: the judge of what was really charged.

It speaks the wire format of the built-in card sandbox and keeps every operation by its key. `plan`
says what the next calls shall meet: a silence after acting, one before, a refusal, a pause.
"""

import asyncio
import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.make import NOON

from bezant.actor import Mode
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.vault.port import CardFace, UnknownCard

ACT_THEN_SILENCE = "act_then_silence"
SILENCE = "silence"
NOT_SENT = "not_sent"
OUTAGE = "outage"
GARBAGE = "garbage"
CHALLENGE = "challenge"


@dataclass
class Authorisation:
    """What the acquirer has in its book."""

    id: str
    key: str
    asset: str
    amount: int
    status: str
    captured: int = 0
    refunded: int = 0
    decline_code: str = ""
    provider: str = "card"


@dataclass
class Acquirer:
    """The book, and the wire to it."""

    authorisations: dict[str, Authorisation] = field(default_factory=dict[str, Authorisation])
    operations: dict[str, tuple[str, dict[str, Any]]] = field(
        default_factory=dict[str, tuple[str, dict[str, Any]]]
    )
    plans: "defaultdict[str, deque[str]]" = field(default_factory=lambda: defaultdict(deque))
    calls: list[ProviderRequest] = field(default_factory=list[ProviderRequest])
    hold: Callable[[ProviderRequest], Awaitable[None]] | None = None
    afterwards: Callable[[ProviderRequest], Awaitable[None]] | None = None
    """Called after the acquirer acted and before it answers."""
    cards: set[str] = field(default_factory=lambda: {"card_good"})

    def plan(self, operation: str, *happenings: str) -> None:
        """Say what the next calls of this operation meet: a word above, or a decline's code."""
        self.plans[operation].extend(happenings)

    def charges(self) -> list[Authorisation]:
        """Return every authorisation that took or set aside money."""
        idle = ("declined", "challenge")
        return [one for one in self.authorisations.values() if one.status not in idle]

    def challenge_passed(self, reference: str) -> None:
        """Let the payer pass the challenge: the money is taken."""
        one = self.authorisations[reference]
        one.status, one.captured = "captured", one.amount

    def shown(self, reference: str, status: str = "") -> dict[str, Any]:
        """Return an authorisation as an event tells of it, as it stands or stood."""
        return {
            **self._shown("authorisation", {"id": reference}),
            **({"status": status} if status else {}),
        }

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        """Do what a request asks, as planned."""
        self.calls.append(request)
        if request.card and request.card not in self.cards:
            raise UnknownCard
        planned = self.plans[request.operation]
        happening = planned.popleft() if planned else ""
        if self.hold is not None:
            await self.hold(request)
        match happening:
            case "silence":
                return ProviderAnswer(Sending.SILENT)
            case "not_sent":
                return ProviderAnswer(Sending.NOT_SENT)
            case "outage":
                return _answer(429, {"error": {"code": "rate_limit"}})
            case "garbage":
                return ProviderAnswer(Sending.ANSWERED, 200, (), b"{not json", 1, "00" * 32)
            case "act_then_silence":
                self._act(request, "")
                return ProviderAnswer(Sending.SILENT)
            case "slow":
                await asyncio.sleep(0.01)
                return self._act(request, "")
            case code:
                answer = self._act(request, code)
                if self.afterwards is not None:
                    await self.afterwards(request)
                return answer

    async def card(self, tenant: str, mode: Mode, token: str) -> CardFace:
        """Return what may be shown of a card."""
        del tenant, mode
        if token not in self.cards:
            raise UnknownCard
        return CardFace(token, "visa", "4242", 12, 2030, "fingerprint", NOON)

    async def forget(self, tenant: str, mode: Mode, token: str) -> None:
        """Destroy a card."""
        del tenant, mode
        self.cards.discard(token)

    def _act(self, request: ProviderRequest, decline: str) -> ProviderAnswer:
        if request.method == "GET":
            return self._told(request)
        known = self.operations.get(request.key)
        if known is not None:
            return _answer(200, self._shown(*known))
        asked: dict[str, Any] = json.loads(request.body.replace(b'"{', b'"').replace(b'}"', b'"'))
        if request.path == "/authorisations":
            return self._authorise(request, asked, decline)
        reference = request.path.split("/")[2]
        one = self.authorisations[reference]
        if decline:
            return _answer(409, {"error": {"code": decline}})
        return self._follow(request, one, asked)

    def _authorise(
        self, request: ProviderRequest, asked: dict[str, Any], decline: str
    ) -> ProviderAnswer:
        status = "captured" if asked["capture"] else "authorised"
        if decline:
            status = "challenge" if decline == CHALLENGE else "declined"
        one = Authorisation(
            f"auth_{len(self.authorisations) + 1}",
            request.key,
            asked["asset"],
            int(asked["amount"]),
            status,
            int(asked["amount"]) if status == "captured" else 0,
            0,
            decline,
            request.provider,
        )
        self.authorisations[one.id] = one
        self.operations[request.key] = ("authorisation", {"id": one.id})
        return _answer(201, self._shown("authorisation", {"id": one.id}))

    def _follow(
        self, request: ProviderRequest, one: Authorisation, asked: dict[str, Any]
    ) -> ProviderAnswer:
        amount = int(asked.get("amount", one.amount))
        kind = request.operation
        if kind == "capture":
            if one.status != "authorised" or one.captured + amount > one.amount:
                return _answer(409, {"error": {"code": "not_allowed"}})
            one.captured += amount
            if asked.get("final", True) or one.captured == one.amount:
                one.status = "captured"
        elif kind == "refund":
            if one.refunded + amount > one.captured:
                return _answer(409, {"error": {"code": "not_allowed"}})
            one.refunded += amount
        elif one.status != "authorised":
            return _answer(409, {"error": {"code": "not_allowed"}})
        else:
            one.status = "voided" if not one.captured else "captured"
        thing = {
            "id": f"{kind}_{len(self.operations) + 1}",
            "key": request.key,
            "authorisation": one.id,
            "asset": one.asset,
            "amount": str(amount),
            "status": "captured" if kind == "capture" else "succeeded",
        }
        told = {"id": one.id} if kind == "void" else thing
        self.operations[request.key] = ("authorisation" if kind == "void" else kind, told)
        return _answer(201, self._shown(*self.operations[request.key]))

    def give_back_here(self, reference: str, amount: int) -> dict[str, Any]:
        """Refund at the acquirer's own dashboard, and return the refund as events tell of it."""
        one = self.authorisations[reference]
        assert one.refunded + amount <= one.captured, "the acquirer has no more to give back"
        one.refunded += amount
        name = f"dashboard_{len(self.operations) + 1}"
        thing = {
            "id": f"refund_{len(self.operations) + 1}",
            "key": name,
            "authorisation": one.id,
            "asset": one.asset,
            "amount": str(amount),
            "status": "succeeded",
        }
        self.operations[name] = ("refund", thing)
        return dict(thing)

    def refund_fails(self, refund: str) -> dict[str, Any]:
        """Let a refund come back, and return it as events tell of it."""
        thing = next(
            told
            for kind, told in self.operations.values()
            if kind == "refund" and told["id"] == refund
        )
        thing["status"] = "failed"
        self.authorisations[thing["authorisation"]].refunded -= int(thing["amount"])
        return dict(thing)

    def _told(self, request: ProviderRequest) -> ProviderAnswer:
        if request.path.endswith("/refunds"):
            reference = request.path.split("/")[2]
            refunds = [
                told
                for kind, told in self.operations.values()
                if kind == "refund" and told["authorisation"] == reference
            ]
            return _answer(200, {"refunds": refunds})
        known = self.operations.get(request.path.rpartition("/")[2])
        if known is None:
            return _answer(404, {"error": {"code": "not_found"}})
        return _answer(200, {"object": self._shown(*known)})

    def _shown(self, kind: str, thing: dict[str, Any]) -> dict[str, Any]:
        if kind != "authorisation":
            return thing
        one = self.authorisations[thing["id"]]
        return {
            "id": one.id,
            "key": one.key,
            "asset": one.asset,
            "amount": str(one.amount),
            "captured": str(one.captured),
            "status": one.status,
            "decline_code": one.decline_code,
            "challenge_url": "https://bank.example/challenge",
        }


def _answer(status: int, body: dict[str, Any]) -> ProviderAnswer:
    raw = json.dumps(body).encode()
    return ProviderAnswer(Sending.ANSWERED, status, (), raw, 1, hashlib.sha256(raw).hexdigest())

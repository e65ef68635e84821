"""The providers' door: what every provider is asked, and how its answers are understood.

A connector is pure: `charge` builds a request, `charged` reads what came back. Sending is somebody
else's work. An answer that says neither yes nor no is PENDING; silence is UNKNOWN; only an explicit
yes is a yes.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from bezant.actor import Mode
from bezant.errors import Invalid, Refused, Unauthenticated, Unavailable
from bezant.exchange import DeclineCode, MethodKind, ProviderAnswer, ProviderRequest
from bezant.psp.charge import Capabilities, Charge, FollowUp
from bezant.psp.news import DisputeNews, Incoming, RefundNews, SettlementLine
from bezant.psp.verdict import MISMATCH, Decline, NextAction, Result, Verdict

__all__ = [
    "MISMATCH",
    "AmountNotAccepted",
    "BadWebhookSignature",
    "Capabilities",
    "Charge",
    "Connector",
    "Decline",
    "DeclineCode",
    "DisputeNews",
    "FollowUp",
    "Incoming",
    "ListsRefunds",
    "MalformedSettlement",
    "MalformedWebhook",
    "MethodKind",
    "NextAction",
    "NotOfferedByProvider",
    "ProviderNotConfigured",
    "ProviderUnavailable",
    "Redaction",
    "RefundNews",
    "Result",
    "SettlementLine",
    "ShowsDisputes",
    "StaleWebhook",
    "Transport",
    "UnknownProvider",
    "Verdict",
    "WebhookCheck",
]


class UnknownProvider(Invalid):
    """There is no such provider."""

    code = "unknown_provider"


class ProviderNotConfigured(Refused):
    """This provider has no account here; set its keys first."""

    code = "provider_not_configured"


class AmountNotAccepted(Refused):
    """This provider cannot take this amount of this asset."""

    code = "amount_not_accepted"


class NotOfferedByProvider(Refused):
    """This provider has no such step: its capabilities say so."""

    code = "not_offered_by_provider"


class BadWebhookSignature(Unauthenticated):
    """The signature of this event is not the provider's."""

    code = "bad_webhook_signature"


class StaleWebhook(Unauthenticated):
    """This event was signed too long ago, or in the future."""

    code = "stale_webhook"


class MalformedWebhook(Invalid):
    """This is not an event of this provider."""

    code = "malformed_webhook"


class MalformedSettlement(Invalid):
    """This is not a settlement file of this provider."""

    code = "malformed_settlement"


class ProviderUnavailable(Unavailable):
    """The provider does not answer right now."""

    code = "provider_unavailable"


class Connector(Protocol):
    """One provider, as pure functions: nothing here does I/O, keeps state or knows a secret."""

    name: str
    capabilities: Capabilities

    def charge(self, charge: Charge) -> ProviderRequest:
        """Build the request that takes or sets aside the money, or raise AmountNotAccepted.

        A step that the capabilities exclude raises NotOfferedByProvider, here and below.
        """
        ...

    def charged(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read what came of it."""
        ...

    def finish(self, charge: Charge, reference: str) -> ProviderRequest:
        """Build the request that completes a charge the payer has APPROVED."""
        ...

    def finished(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read what came of it."""
        ...

    def capture(self, step: FollowUp) -> ProviderRequest:
        """Build the request that takes what was set aside."""
        ...

    def captured(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what came of it."""
        ...

    def void(self, step: FollowUp) -> ProviderRequest:
        """Build the request that lets go of what was set aside."""
        ...

    def voided(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what came of it."""
        ...

    def refund(self, step: FollowUp) -> ProviderRequest:
        """Build the request that gives money back."""
        ...

    def refunded(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what came of it."""
        ...

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        """Build the question what became of `charge`, `capture`, `void` or `refund` by our key.

        Asking changes nothing at the provider. The reference may be missing.
        """
        ...

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the answer; NOT_FOUND only if the provider surely knows nothing of it."""
        ...

    def incoming(self, headers: Mapping[str, str], body: bytes) -> Incoming:
        """Read an event whose signature was checked."""
        ...

    def settlement(self, file: bytes) -> Sequence[SettlementLine]:
        """Read a settlement file, or raise MalformedSettlement with the line."""
        ...


@runtime_checkable
class ListsRefunds(Protocol):
    """A connector whose provider lists the refunds of a charge: those made elsewhere, too."""

    def ask_refunds(self, step: FollowUp) -> ProviderRequest:
        """Build the question for every refund of a charge."""
        ...

    def listed_refunds(self, step: FollowUp, answer: ProviderAnswer) -> Sequence[RefundNews] | None:
        """Read them as they are now; nothing if the answer does not tell."""
        ...


@runtime_checkable
class ShowsDisputes(Protocol):
    """A connector whose provider shows a dispute by its name: needed where events are hints."""

    def ask_dispute(self, mode: Mode, dispute: str) -> ProviderRequest:
        """Build the question for a dispute."""
        ...

    def asked_dispute(self, dispute: str, answer: ProviderAnswer) -> Incoming | None:
        """Read it as an event would tell it, of no concern if there is none; nothing if the answer
        does not tell.
        """
        ...


class WebhookCheck(Protocol):
    """Tells whether an event is really the provider's: knows the secret, the tolerance, the time.

    Providers whose scheme needs a certificate or a call back have one that does that.
    """

    provider: str

    async def check(self, mode: Mode, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the raw bytes are the provider's and fresh, else raise what is wrong."""
        ...


class Redaction(Protocol):
    """What of an exchange may be shown to people."""

    def path(self, path: str) -> str:
        """Return where a request went."""
        ...

    def request(self, request: ProviderRequest) -> str:
        """Return what was asked, as JSON; nothing if it had no body."""
        ...

    def status(self, status: str) -> str:
        """Return what a connector made of an answer, which it may quote."""
        ...

    def answer(self, provider: str, answer: ProviderAnswer) -> str:
        """Return what was answered, as JSON; nothing if nothing came."""
        ...


class Transport(Protocol):
    """The one room that talks to providers."""

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        """Send a request with the account's credentials. Silence is an answer; nothing raises but
        ProviderNotConfigured.
        """
        ...

"""What every connector makes of an answer before it looks into it: silence, refusals, mismatches.

The careful reading is the same everywhere. Silence, a server's fault and an answer that cannot be
read are UNKNOWN; a conflict means somebody is at it, so PENDING; only a refusal that the provider
documents as "nothing happened" lets another provider be tried. A question is stricter still: when
it fails, nothing was learned about the work itself.
"""

from typing import Final

from bezant.exchange import ProviderAnswer, Sending
from bezant.money import Money
from bezant.psp.declines import SOFT
from bezant.psp.document import Document, NotReadable, read_json
from bezant.psp.port import MISMATCH, Decline, DeclineCode, Result, Verdict

RETRY_SECONDS: Final = 2.0  # When a provider says "in flight" and not how long.
RETRY_SECONDS_MAX: Final = 3_600.0


def unheard(answer: ProviderAnswer) -> Verdict | None:
    """Return the verdict if nothing was heard at all."""
    match answer.sending:
        case Sending.NOT_SENT:
            return Verdict(Result.NOT_SENT, status="not_sent")
        case Sending.SILENT:
            return Verdict(Result.UNKNOWN, status="silent")
        case Sending.ANSWERED:
            return None


def turned_away(answer: ProviderAnswer) -> Verdict | None:
    """Return the verdict on a status that says the request was never worked on, or not yet."""
    status = answer.status
    if status in {401, 403}:
        return Verdict(Result.OUTAGE, status=f"http_{status}")
    if status == 429:
        return Verdict(Result.OUTAGE, status="http_429", retry_after_seconds=pause_seconds(answer))
    if status == 409:
        return Verdict(Result.PENDING, status="http_409", retry_after_seconds=pause_seconds(answer))
    if status < 200 or 300 <= status < 400 or status >= 500 or status == 408:
        return Verdict(
            Result.UNKNOWN, status=f"http_{status}", retry_after_seconds=pause_seconds(answer)
        )
    return None


def unasked(answer: ProviderAnswer) -> Verdict | None:
    """Return the verdict on a question that was not answered: it says nothing about the work."""
    if answer.sending is not Sending.ANSWERED:
        return Verdict(Result.UNKNOWN, status="question_" + answer.sending)
    if 200 <= answer.status < 300 or answer.status == 404:
        return None
    return Verdict(
        Result.UNKNOWN,
        status=f"question_http_{answer.status}",
        retry_after_seconds=pause_seconds(answer),
    )


def body_of(answer: ProviderAnswer) -> Document | None:
    """Read a JSON answer; nothing if it cannot be read."""
    try:
        return read_json(answer.body)
    except NotReadable:
        return None


def unreadable() -> Verdict:
    """Return the verdict on an answer that cannot be read."""
    return Verdict(Result.UNKNOWN, status="unreadable")


def mismatch(reference: str = "") -> Verdict:
    """Return the verdict on an answer that speaks of something else than was asked."""
    return Verdict(Result.UNKNOWN, reference=reference, status=MISMATCH)


def declined(
    code: DeclineCode, raw: str, reference: str = "", status: str = "", part: str = ""
) -> Verdict:
    """Return a provider's no."""
    decline = Decline(code, soft=code in SOFT, raw=raw)
    return Verdict(Result.DECLINED, reference, part, decline=decline, status=status or raw)


def same(asked: Money, told: Money | None) -> bool:
    """Tell whether an amount is the one that was asked for, to the last unit."""
    return told is not None and told == asked


def pause_seconds(answer: ProviderAnswer) -> float | None:
    """Return how long the provider wants us to wait."""
    said = answer.header("retry-after").strip()
    if said.isascii() and said.isdigit() and len(said) <= 6:
        return min(int(said) * 1.0, RETRY_SECONDS_MAX)
    return RETRY_SECONDS if answer.status == 409 else None

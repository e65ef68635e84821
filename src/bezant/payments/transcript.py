"""Transcripts: what was said to a provider and what it answered, as far as it may be shown."""

from dataclasses import dataclass
from datetime import datetime

from bezant.exchange import Sending


@dataclass(frozen=True, slots=True)
class Transcript:
    """One call of a provider."""

    id: str
    """`scr_…`."""
    attempt: str
    """`att_…`: what it was about."""
    asked_at: datetime
    provider: str
    operation: str
    """What the call was for: `charge`, `ask`, `finish` and the like."""
    method: str
    path: str
    """Where it went; ids are dots."""
    key: str
    """Our name for this piece of work, by which the provider knows a repeat."""
    sending: Sending
    status: int
    """Of HTTP; 0 when nothing was answered."""
    milliseconds: int
    result: str
    """What the connector made of it."""
    request: str
    """JSON with what may be shown; empty when nothing was sent."""
    answer: str
    answer_bytes: int
    """How long the whole answer was."""

"""What was said to providers for a payment, as far as it may be shown."""

from datetime import datetime
from typing import Final, Literal

from bezant.exchange import Sending
from bezant.http.routes import Asker, Routes
from bezant.payments.http import answers as a
from bezant.payments.port import Payments

READ: Final = "payments.read"


class TranscriptModel(a.Answer):
    """One call of a provider."""

    object: Literal["transcript"] = "transcript"
    id: str
    attempt: str
    asked_at: datetime
    provider: str
    operation: str
    method: str
    path: str
    """Ids in it are dots, and there is no query."""
    key: str
    sending: Sending
    status: int
    milliseconds: int
    result: str
    request: str
    """JSON with what is on the list of what may be shown; a dot counts the rest."""
    answer: str
    answer_bytes: int


class TranscriptsModel(a.Answer):
    """Calls of providers, oldest first: in live mode only of what went wrong or took long."""

    data: list[TranscriptModel]


def add(routes: Routes, port: Payments) -> None:
    """Add the route of transcripts."""

    @routes.get("/v1/payments/{payment}/transcripts", permission=READ)
    async def transcripts(payment: str, asker: Asker) -> TranscriptsModel:
        """Return what was said to providers for a payment and what they answered."""
        found = await port.transcripts(asker.tenant, asker.mode, payment)
        return TranscriptsModel(data=[TranscriptModel.model_validate(one) for one in found])

    del transcripts

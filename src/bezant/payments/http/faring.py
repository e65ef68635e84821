"""Providers over HTTP: how they fare, and when another one stepped in. For operators."""

from datetime import datetime
from typing import Literal

from bezant.http.routes import Asker, Routes
from bezant.payments.http import answers as a
from bezant.payments.http.rules import of_the_platform
from bezant.payments.port import MethodKind, Payments


class ProviderFaringModel(a.Answer):
    """One provider, by the last things asked of it."""

    provider: str
    methods: list[MethodKind]
    ailing: bool
    asked: int
    done: int
    declined: int
    not_reached: int
    open: int
    last_at: datetime | None


class FailoverModel(a.Answer):
    """A payment that went to another provider than the first one asked."""

    attempt: str
    payment: str
    provider: str
    why: str
    at: datetime
    result: str


class FaringModel(a.Answer):
    """All providers of one mode, in the order of preference."""

    object: Literal["faring"] = "faring"
    providers: list[ProviderFaringModel]
    failovers: list[FailoverModel]
    looked_at: int


def add(routes: Routes, port: Payments) -> None:
    """Add the route."""

    @routes.get("/v1/providers", permission="settings.read")
    async def providers(asker: Asker) -> FaringModel:
        """Return how providers fare, and the newest payments for which another one stepped in."""
        of_the_platform(asker)
        return FaringModel.model_validate(await port.faring(asker.mode))

    del providers

"""A little installation: an authority, a service that listens, and callers with papers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.rpc.sample import SAMPLE_MANNERS, Sample, SampleService

from bezant.clock import RealClock
from bezant.rpc.authority import Authority
from bezant.rpc.channel import Channel
from bezant.rpc.far import far
from bezant.rpc.manners import Manners
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.permits import EVERYTHING, Permits
from bezant.rpc.serve import Server

OPEN: Permits = {"sample.Sample": {"payments": EVERYTHING}}


@dataclass
class Installation:
    """What a test needs to let modules call each other in this process."""

    authority: Authority
    closing: AsyncExitStack
    service: SampleService = field(default_factory=SampleService)
    port: int = 0
    server: Server | None = None

    def issuer(self, module: str) -> FolderIssuer:
        return FolderIssuer(self.authority.issue(module))

    async def listen(self, permits: Permits = OPEN, port: int = 0, **options: Any) -> int:
        """Start the sample service."""
        self.server = Server(self.issuer("sample"), RealClock(), permits=permits, **options)
        self.server.offer(Sample, self.service)
        self.port = await self.server.start(f"127.0.0.1:{port}")
        self.closing.push_async_callback(self.server.stop, 0)
        return self.port

    def channel(self, caller: str = "payments", port: int = 0) -> Channel:
        made = Channel(f"127.0.0.1:{port or self.port}", "sample", self.issuer(caller))
        self.closing.push_async_callback(made.close)
        return made

    def far(
        self, caller: str = "payments", port: int = 0, manners: Manners | None = None
    ) -> Sample:
        return far(Sample, self.channel(caller, port), manners=manners or SAMPLE_MANNERS)


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as closing:
        yield Installation(Authority(tmp_path, "test", RealClock()), closing)

"""A vault that another process can open: see `tests.rpc.apart`. Its provider echoes every body."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.vault.service import VaultService


class Echo:
    """Answers what it was sent, as a careless provider might."""

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        headers = (*request.headers, ("x-length", str(len(request.body))))
        return ProviderAnswer(Sending.ANSWERED, 200, headers, request.body, 7, "digest")


@asynccontextmanager
async def vault_service(
    address: str, keys_address: str, folder: str, now: str
) -> AsyncIterator[VaultService]:
    """Open the vault at this address, at this hour."""
    clock = MovableClock(datetime.fromisoformat(now))
    databases = [
        await Database.open(each, name=name, size_max=4, clock=clock)
        for name, each in (("keys", keys_address), ("vault", address))
    ]
    files = await FileProvider.open(Path(folder) / "keys", key=Secret(b"k" * 32))
    keys = KeysService(databases[0], clock, [files])
    await keys.start()
    service = VaultService(databases[1], clock, Ids(clock), keys, Echo())
    await service.start()
    try:
        yield service
    finally:
        await service.stop()
        for each in databases:
            await each.close()

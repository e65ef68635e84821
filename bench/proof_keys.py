"""The key room on SoftHSM: how long a signature takes with sixteen callers, through the service.

python -m bench.proof_keys        measures alone; Debian's `softhsm2` must be installed
"""

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import uvloop

from bench.measure import Sample
from bench.process import ChildFailed
from bench.server import Server, durable_server
from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.migrate import migrate
from bezant.db.schema import ModuleSchema
from bezant.keys import algorithms
from bezant.keys.file import FileProvider
from bezant.keys.pkcs11 import Pkcs11Provider, TokenPlace
from bezant.keys.port import Algorithm, DeclareKey, Keys, KeySpec, Purpose
from bezant.keys.service import KeysService
from bezant.rpc.near import near
from bezant.secret import Secret

CALLERS: Final = 16
SECONDS: Final = 10.0
WARM_SECONDS: Final = 1.0
PASSWORD: Final = "only of this run"
PIN: Final = "48201937"
LABEL: Final = "bench"
MODULES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)
NAME: Final = "bench-signing"


def is_there() -> bool:
    """Tell whether SoftHSM is installed."""
    return any(Path(one).exists() for one in MODULES)


async def hsm_sign_p99_ms(server: Server, folder: Path, seconds: float = SECONDS) -> Sample:
    """Return the 99th percentile of a signature's milliseconds, every caller signing at once."""
    place = _token(folder)
    database_name = f"keys_{os.getpid()}_{time.monotonic_ns()}"
    dsn = await server.create(database_name)
    await migrate(dsn, [ModuleSchema("keys")], {"keys": Secret(PASSWORD)})
    clock = RealClock()
    database = await Database.open(
        server.embedded.dsn("bezant_keys", PASSWORD, database_name),
        name="keys",
        size_max=4,
        clock=clock,
    )
    token = await Pkcs11Provider.open(place, folder / "keystore")
    try:
        files = await FileProvider.open(folder / "keystore", key=Secret(b"k" * 32))
        service = KeysService(database, clock, [token, files])
        await service.start()
        await service.declare(DeclareKey(NAME, Purpose.SIGN, KeySpec.P256, by="receipts"))
        keys = near(Keys, service, caller="receipts")
        await _pressed(keys, WARM_SECONDS)
        taken, signed = await _pressed(keys, seconds)
        (public,) = await service.public_keys(NAME)
        for message, value in signed:
            if not algorithms.verify(Algorithm.ES256, public.public_key, message, value):
                raise ChildFailed("a signature does not fit")
    finally:
        await token.close()
        await database.close()
    taken.sort()
    facts = {
        "signatures": len(taken),
        "per_second": round(len(taken) / seconds),
        "median_ms": round(statistics.median(taken), 3),
        "callers": CALLERS,
    }
    return Sample(taken[int(len(taken) * 0.99)], seconds, facts)


async def _pressed(keys: Keys, seconds: float) -> tuple[list[float], list[tuple[bytes, bytes]]]:
    """Sign for so long; return how long each took, and some of the signatures."""
    taken: list[float] = []
    signed: list[tuple[bytes, bytes]] = []
    end_at = time.perf_counter() + seconds

    async def caller(number: int) -> None:
        turn = 0
        while time.perf_counter() < end_at:
            turn += 1
            message = f"{number} {turn}".encode()
            began = time.perf_counter()
            signature = await keys.sign(NAME, message)
            taken.append((time.perf_counter() - began) * 1_000)
            if turn % 50 == 0:
                signed.append((message, signature.value))

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    return taken, signed


def _token(folder: Path) -> TokenPlace:
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    words = ["--init-token", "--free", "--label", LABEL, "--so-pin", PIN, "--pin", PIN]
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, timeout=60)
    module = next(one for one in MODULES if Path(one).exists())
    return TokenPlace(module, LABEL, Secret(PIN))


async def _alone() -> None:
    with tempfile.TemporaryDirectory(prefix=f"bezant-bench-{os.getpid()}-") as scratch:
        folder = Path(scratch)
        async with durable_server(folder / "server") as server:
            for turn in range(3):
                found = await hsm_sign_p99_ms(server, folder / f"turn-{turn}")
                print(f"hsm_sign_p99_ms {found.value:.2f}", dict(found.facts))


if __name__ == "__main__":
    uvloop.run(_alone())

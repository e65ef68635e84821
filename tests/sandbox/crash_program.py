"""A sandbox as a process of its own, to be killed: `crash_program.py folder`; says its ports."""

import asyncio
import os
import sys
from pathlib import Path

from bezant.clock import RealClock
from bezant.http.serve import Serving
from bezant.sandbox.site import SandboxPlan, build_sandbox


async def main(folder: Path) -> None:
    plan = SandboxPlan(folder, base_port=0)
    async with build_sandbox(plan, RealClock(), os.urandom) as sandbox:
        serving = Serving(sandbox.listenings)
        bound = [port for _, port in serving.bind()]
        task = asyncio.create_task(serving.run())
        while not serving.started:
            await asyncio.sleep(0.01)
        ports = " ".join(f"{name}={port}" for name, port in zip(sandbox.names, bound, strict=True))
        sys.stdout.write(f"ready {ports}\n")
        await task


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

"""A program that runs an embedded server until it is told to stop.

`python -m tests.harness.server_program FOLDER [dropped]`

Says `ready DSN` when the server answers, or `refused CODE DETAIL` and ends with status 3.
"""

import asyncio
import signal
import sys
from pathlib import Path

from bezant.db import standing
from bezant.db.embedded import EmbeddedServer
from bezant.errors import BezantError

REFUSED = 3


async def serve(folder: Path, *ways: str) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    way = standing.dropped if "dropped" in ways else standing.choose
    server = EmbeddedServer(folder, disk_free_min_bytes=0, choose_standing=way)
    try:
        await server.start()
    except BezantError as error:
        print(f"refused {error.code} {error.detail}")
        return REFUSED
    print(f"ready {server.administrator_dsn()}")
    await stop.wait()
    await server.stop()
    print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(Path(sys.argv[1]), *sys.argv[2:])))

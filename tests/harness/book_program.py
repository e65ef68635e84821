"""A book behind a port, to be killed: `python -m tests.harness.book_program DSN PORT MODULE:CLASS`.

A client sends a key and a line end; the answer is `done`, `unavailable` or `refused`. Says `ready`
when it listens.
"""

import asyncio
import importlib
import sys

from tests.harness.keyed import Book

from bezant.errors import BezantError, Unavailable


async def serve(dsn: str, port: int, name: str) -> None:
    module, _, book_class = name.partition(":")
    book: Book = await getattr(importlib.import_module(module), book_class).open(dsn)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                await book.post(line.decode().strip())
                said = b"done\n"
            except Unavailable:
                said = b"unavailable\n"
            except BezantError:
                said = b"refused\n"
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))

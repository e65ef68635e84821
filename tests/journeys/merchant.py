"""A merchant's server as the guide describes it: checks what it is sent, and acts once on an id."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


class Merchant:
    """What arrived, and what was acted on."""

    def __init__(self, secret: str) -> None:
        self._hook = Webhook(secret)
        self._turn = threading.Lock()
        self.arrived: list[tuple[bytes, dict[str, str]]] = []
        self.acted: dict[str, dict[str, Any]] = {}
        self.refused = 0

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """Take a message, and return the status it is answered."""
        with self._turn:
            try:
                self._hook.verify(body, headers)
            except WebhookVerificationError:
                self.refused += 1
                return 400
            self.arrived.append((body, headers))
            self.acted.setdefault(headers["webhook-id"], json.loads(body))
            return 200

    def payments(self) -> set[str]:
        """Return the payments it was told of."""
        return {one["data"]["payment"] for one in self.acted.values()}


@contextmanager
def opened_for_business(merchant: Merchant, port: int) -> Iterator[None]:
    """Answer on this port while the block lasts."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(merchant.take(body, headers))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            del words

    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        running.join()

"""A log at an address: what it sends is read, and no more of it than a file of a log can be."""

import gzip
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bezant_verify.address import Address
from bezant_verify.tiles import FILE_BYTES_MAX, Unreachable

PLAIN = b"0123456789abcdef" * 64


@contextmanager
def serving(files: Mapping[str, bytes]) -> Generator[Address]:
    """Lend a log that sends these, packed."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files[self.path]
            self.send_response(200)
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Address(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_packed_is_unpacked() -> None:
    with serving({"/tile": gzip.compress(PLAIN)}) as log:
        assert log.read("tile") == PLAIN


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(gzip.compress(bytes(2 * FILE_BYTES_MAX)), id="a bomb"),
        pytest.param(gzip.compress(PLAIN)[:-4], id="cut off"),
        pytest.param(PLAIN, id="not packed at all"),
    ],
)
def test_what_is_no_file_of_a_log_is_not_unpacked(sent: bytes) -> None:
    with serving({"/tile": sent}) as log, pytest.raises(Unreachable):
        log.read("tile")

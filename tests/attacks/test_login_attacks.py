"""`bezant login` against an issuer that calls itself by another's name, and two at once."""

import json
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from tests.harness.ports import free_port
from typer.testing import CliRunner

from bezant.cli.main import app

NAME = "https://bank.example"


@dataclass
class Issuer:
    """An issuer that gives everybody tokens, and remembers what it was sent."""

    url: str
    sent: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    lives: int = 1
    spent: set[str] = field(default_factory=set[str])

    def answer(self, path: str, told: dict[str, str]) -> tuple[int, dict[str, object]]:
        if path.startswith("/.well-known"):
            ends = ("token", "device_authorization", "userinfo")
            return 200, {"issuer": NAME, **{f"{one}_endpoint": f"{self.url}/{one}" for one in ends}}
        if path == "/userinfo":
            return 200, {"sub": "mem_1"}
        self.sent.append(told)
        if path == "/device_authorization":
            about = {"device_code": "d", "user_code": "BBBB", "expires_in": 600, "interval": 0}
            return 200, {**about, "verification_uri_complete": self.url}
        shown = told.get("refresh_token", "")
        if shown in self.spent:
            return 400, {"error": "invalid_grant"}
        self.spent |= {shown} - {""}
        fresh = f"refresh-{len(self.sent)}-of-{self.url}"
        told_back = {"access_token": "a", "refresh_token": fresh, "expires_in": self.lives}
        return 200, dict(told_back)


@contextmanager
def serving() -> Generator[Issuer]:
    port = free_port()
    issuer = Issuer(f"http://127.0.0.1:{port}")
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            fields = parse_qs(self.rfile.read(size).decode())
            with one_at_a_time:
                told = {name: values[0] for name, values in fields.items()}
                status, body = issuer.answer(self.path, told)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET  # noqa: N815 - the name is the library's

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def log_in(issuer: Issuer) -> str:
    done = CliRunner().invoke(app, ["login", "--url", issuer.url, "--print-token"])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_an_issuer_that_borrows_anothers_name_is_not_sent_their_tokens() -> None:
    with serving() as bank, serving() as thief:
        log_in(bank)
        log_in(thief)
        # Both call themselves the bank. Each is sent back what it gave, and nothing else.
        log_in(bank)
        log_in(thief)
        for one, other in ((bank, thief), (thief, bank)):
            shown = [told["refresh_token"] for told in one.sent if "refresh_token" in told]
            assert shown
            assert all(one.url in text and other.url not in text for text in shown)


def test_terminals_that_renew_at_once_do_not_end_each_other() -> None:
    with serving() as bank:
        log_in(bank)
        bank.lives = 3_600
        before = len(bank.sent)
        program = Path(sys.executable).with_name("bezant")
        terminals = [
            subprocess.Popen(
                [program, "login", "--url", bank.url, "--print-token"], stdout=subprocess.PIPE
            )
            for _ in range(3)
        ]
        told = [one.communicate(timeout=120)[0] for one in terminals]
        assert told == [b"a\n"] * 3
        assert [one.get("grant_type") for one in bank.sent[before:]] == ["refresh_token"]

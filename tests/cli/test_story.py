"""The first order of a demo ends with a sentence, whatever becomes of its calls."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bezant.cli.exits import Stop
from bezant.cli.story import Shop, pay_an_order

HEAD = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n"
ORDER = b'{"id": "ord_1"}'
WHOLE = HEAD + b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(ORDER), ORDER)


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """Answer one call after another with these bytes, and hang up after each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                with listener.accept()[0] as caller:
                    asked = b""
                    while b"\r\n\r\n" not in asked:
                        asked += caller.recv(65_536)
                    caller.sendall(answer)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving.join(30)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", HEAD + b"content-length: 900\r\n\r\n{", b"nonsense\r\n\r\n"]
)
def test_a_call_without_an_answer_is_told_and_not_a_crash(answer: bytes) -> None:
    with answering(answer) as url, pytest.raises(Stop, match="POST /v1/orders got no answer"):
        pay_an_order(Shop(url, "sk_test_1", "pk_test_1"), "1")


def test_it_is_told_which_call_was_not_answered() -> None:
    words = "POST /v1/payments/tokenize got no answer"
    with answering(WHOLE, b"") as url, pytest.raises(Stop, match=words):
        pay_an_order(Shop(url, "sk_test_1", "pk_test_1"), "1")


def test_nobody_there_is_told_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    shop = Shop(f"http://127.0.0.1:{port}", "sk_test_1", "pk_test_1")
    with pytest.raises(Stop, match="got no answer"):
        pay_an_order(shop, "1")


def test_a_refusal_says_what_was_said() -> None:
    said = b'{"detail": "The provider rests."}'
    refusal = b"HTTP/1.1 503 Unavailable\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said)
    with answering(refusal) as url, pytest.raises(Stop, match="503: The provider rests"):
        pay_an_order(Shop(url, "sk_test_1", "pk_test_1"), "1")

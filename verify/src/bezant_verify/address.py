"""A log at an address: the only file here that asks the network, imported when one is given."""

import http.client
import urllib.error
import urllib.request
import zlib

from bezant_verify.tiles import FILE_BYTES_MAX, Unreachable

ANSWER_SECONDS = 30.0
_GZIP = 31  # What zlib calls it.


class Address:
    """A log at an address."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """Return a file of the log."""
        request = urllib.request.Request(  # noqa: S310 - main admits http and https only
            f"{self._address}/{path}", headers={"accept-encoding": "gzip"}
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                body: bytes = answer.read(FILE_BYTES_MAX + 1)
                packed = answer.headers.get("content-encoding") == "gzip"
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise Unreachable(f"{path}: answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{path}: {error}") from None
        return _unpacked(path, body) if packed else body


def _unpacked(path: str, body: bytes) -> bytes:
    """Unpack a file, which may say that it is far larger than any is."""
    reading = zlib.decompressobj(_GZIP)
    try:
        content = reading.decompress(body, FILE_BYTES_MAX + 1)
    except zlib.error as error:
        raise Unreachable(f"{path}: {error}") from None
    if not reading.eof:
        raise Unreachable(f"{path}: it is cut off, or larger than a file of a log is")
    return content

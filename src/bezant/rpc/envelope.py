"""Errors as a gRPC trailer: `bezant-error-bin` holds a `bezant.ErrorTold`."""

from collections.abc import Mapping
from typing import Final, NoReturn

import grpc
import grpc.aio

from bezant.errors import BezantError, Invalid
from bezant.rpc.codes import ErrorTold, kind_of, rise, status_of, tell
from bezant.rpc.wire import message

ERROR_KEY: Final = "bezant-error-bin"
ERROR_BYTES_MAX = 32 * 1024  # Metadata has a limit; a longer error loses its facts.

DETAIL_CHARACTERS_MAX = 200  # In the status line, for other languages; the trailer has all of it.

_STATUS: Final[Mapping[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}


async def refuse(context: grpc.aio.ServicerContext[bytes, bytes], error: BezantError) -> NoReturn:
    """End a call with an error."""
    detail = error.detail[:DETAIL_CHARACTERS_MAX].encode(errors="replace").decode()
    trailer = ((ERROR_KEY, write_error(error)),)
    await context.abort(_STATUS[status_of(error)], detail, trailer)


def write_error(error: BezantError) -> bytes:
    """Write an error as the trailer's value."""
    try:
        told = tell(error)
        written = message(ErrorTold).to_bytes(told)
    except (Invalid, ArithmeticError, ValueError):
        # Its words cannot travel. Without a trailer it would pass for a broken connection, and
        # what was refused would be sent again.
        told = ErrorTold(kind_of(error), error.code, error.title())
        return message(ErrorTold).to_bytes(told)
    if len(written) <= ERROR_BYTES_MAX:
        return written
    return message(ErrorTold).to_bytes(ErrorTold(told.kind, told.code, told.detail))


def read_error(written: bytes | None) -> BezantError | None:
    """Read the error in a trailer; None if there is none, or none that we understand."""
    if written is None:
        return None
    try:
        return rise(message(ErrorTold).from_bytes(written))
    except Invalid:
        return None

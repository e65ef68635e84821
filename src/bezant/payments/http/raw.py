"""A request's body and headers as they came, for what must not be read as JSON first."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request


async def body_of(request: Request) -> bytes:
    """Return the bytes of a body."""
    return await request.body()


async def headers_of(request: Request) -> Mapping[str, str]:
    """Return the headers, their names in small letters."""
    return dict(request.headers.items())


RawBody = Annotated[bytes, Depends(body_of)]
RawHeaders = Annotated[Mapping[str, str], Depends(headers_of)]

"""The ordinary way to answer JSON: FastAPI and pydantic as they come, answering what was sent.

It checks no key, counts nothing, limits nothing and logs nothing. Started as `python -m
bench.baselines.echo_fastapi PORT`.
"""

import sys

from fastapi import FastAPI
from pydantic import BaseModel

from bench.baselines.echo import serve


class Amount(BaseModel):
    """An amount as text."""

    amount: str
    asset: str


class Echo(BaseModel):
    """The request and the answer."""

    debit: str
    credit: str
    amount: Amount
    reference: str = ""


application = FastAPI()


@application.post("/v1/ordinary")
async def echo(body: Echo) -> Echo:
    """Answer what was sent."""
    return body


if __name__ == "__main__":
    serve(application, int(sys.argv[1]))

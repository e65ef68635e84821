"""The ordinary way to take a card payment: FastAPI, the SQLAlchemy 2 ORM and aiohttp.

One transaction records the payment and its attempt before the provider is called, another one what
came of it, with the entries of the book and an outbox row. Idempotent by key and request hash. What
costs nothing to get right is right, as in `orm.py`; the entries have no running balance, so that no
two payments wait for one another. It checks no API key, asks no vault, counts nothing and logs
nothing, which makes it faster than it would be.
"""

import hashlib
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import aiohttp
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Numeric,
    String,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

POOL_SIZE = int(os.environ.get("BENCH_POOL", "16"))
ACQUIRER = os.environ.get("BENCH_ACQUIRER", "")
FEE_PER_MILLE = 15


class Table(DeclarativeBase):
    """What all tables are declared under."""


class Payment(Table):
    """What a payer pays, once under one key."""

    __tablename__ = "payment"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(255), unique=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    amount: Mapped[Decimal] = mapped_column(Numeric)
    currency: Mapped[str] = mapped_column(String(10))
    card: Mapped[str] = mapped_column(String(80))
    reference: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class Attempt(Table):
    """One try at a provider."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), index=True)
    provider: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    provider_reference: Mapped[str | None] = mapped_column(String(80))


class Entry(Table):
    """One side of what a payment moved."""

    __tablename__ = "entry"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), index=True)
    account: Mapped[str] = mapped_column(String(40), index=True)
    amount: Mapped[Decimal] = mapped_column(Numeric)


class Outbox(Table):
    """What others are told."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, str]] = mapped_column(JSON)


class PaymentIn(BaseModel):
    """The request."""

    model_config = ConfigDict(extra="forbid")

    amount: Decimal = Field(gt=0, max_digits=30, decimal_places=0)
    currency: str = Field(min_length=3, max_length=10)
    card: str = Field(max_length=80)
    reference: str = Field(default="", max_length=200)


class PaymentOut(BaseModel):
    """The answer."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    amount: Decimal
    currency: str
    reference: str
    status: str
    created_at: datetime


FIND = select(Payment).where(Payment.idempotency_key == bindparam("key"))

engine = create_async_engine(
    os.environ.get("BENCH_SQLALCHEMY_URL", "postgresql+psycopg://"),
    pool_size=POOL_SIZE,
    max_overflow=0,
    pool_timeout=60,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    connector = aiohttp.TCPConnector(limit=256)
    async with aiohttp.ClientSession(ACQUIRER, connector=connector) as client:
        app.state.client = client
        yield
    await engine.dispose()


async def session() -> AsyncGenerator[AsyncSession]:
    async with new_session() as opened:
        yield opened


app = FastAPI(lifespan=lifespan)


@app.post("/v1/payments", status_code=201, response_model=PaymentOut)
async def create_payment(
    body: PaymentIn,
    idempotency_key: Annotated[str, Header(max_length=255)],
    db: Annotated[AsyncSession, Depends(session)],
) -> Payment:
    request_hash = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    try:
        async with db.begin():
            payment, attempt = await begin(db, body, idempotency_key, request_hash)
    except IntegrityError:
        async with db.begin():
            return await replay(db, idempotency_key, request_hash)
    status, reference = await charge(attempt, body)
    async with db.begin():
        await end(db, payment, attempt, status, reference)
    return payment


async def begin(
    db: AsyncSession, body: PaymentIn, key: str, request_hash: str
) -> tuple[Payment, Attempt]:
    """Record what will be tried before anything is sent."""
    payment = Payment(
        idempotency_key=key,
        request_hash=request_hash,
        amount=body.amount,
        currency=body.currency,
        card=body.card,
        reference=body.reference,
        status="processing",
    )
    db.add(payment)
    await db.flush()
    attempt = Attempt(payment_id=payment.id, provider="card", status="processing")
    db.add(attempt)
    await db.flush()
    return payment, attempt


async def charge(attempt: Attempt, body: PaymentIn) -> tuple[str, str]:
    """Ask the provider for the money."""
    request = {
        "key": f"att_{attempt.id}",
        "amount": str(body.amount),
        "asset": body.currency,
        "capture": True,
        "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"},
    }
    async with app.state.client.post("/authorisations", json=request) as answer:
        said = await answer.json()
    return said["status"], said["id"]


async def end(
    db: AsyncSession, payment: Payment, attempt: Attempt, status: str, reference: str
) -> None:
    """Record what came of it, book it, and tell others."""
    db.add_all((payment, attempt))
    payment.status = "succeeded" if status == "captured" else "declined"
    attempt.status, attempt.provider_reference = status, reference
    await db.flush()
    if status == "captured":
        fee = payment.amount * FEE_PER_MILLE // 1000
        entries = (
            {"account": "psp_receivable", "amount": -payment.amount},
            {"account": "merchant_payable", "amount": payment.amount - fee},
            {"account": "fees_earned", "amount": fee},
        )
        await db.execute(insert(Entry), [{"payment_id": payment.id, **one} for one in entries])
    told = {"payment": str(payment.id), "status": payment.status}
    await db.execute(insert(Outbox), {"type": f"payment.{payment.status}", "data": told})


async def replay(db: AsyncSession, key: str, request_hash: str) -> Payment:
    known = await db.scalar(FIND, {"key": key})
    if known is None or known.status == "processing":
        raise HTTPException(409, "in flight")
    if known.request_hash != request_hash:
        raise HTTPException(422, "this key was used for another request")
    return known


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        backlog=2_048,
    )

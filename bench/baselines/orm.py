"""The ordinary way: FastAPI and the SQLAlchemy 2 ORM, one transaction a request.

Accounts, transfers with a debit and a credit entry, idempotency by key and request hash, floors,
and locks in account order, so that it is correct under races. What costs nothing to get right is
right: uvloop and httptools, a pool as large as measured best, `expire_on_commit=False`, no implicit
reload, bulk insert of the entries, access log off. It checks no API key, counts nothing and logs
nothing, which makes it faster than it would be.
"""

import hashlib
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
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


class Table(DeclarativeBase):
    """What all tables are declared under."""


class Account(Table):
    """An account and its balance, which is updated in place."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    currency: Mapped[str] = mapped_column(String(10))
    balance: Mapped[Decimal] = mapped_column(Numeric, default=Decimal(0))
    floor: Mapped[Decimal | None] = mapped_column(Numeric)


class Transfer(Table):
    """Money moved once under one key."""

    __tablename__ = "transfer"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(255), unique=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    debit_account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    credit_account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    amount: Mapped[Decimal] = mapped_column(Numeric)
    currency: Mapped[str] = mapped_column(String(10))
    reference: Mapped[str] = mapped_column(String(200), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Entry(Table):
    """One side of a transfer and the balance it left."""

    __tablename__ = "entry"
    __table_args__ = (Index("entry_account", "account_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfer.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    amount: Mapped[Decimal] = mapped_column(Numeric)
    balance: Mapped[Decimal] = mapped_column(Numeric)


class TransferIn(BaseModel):
    """The request."""

    model_config = ConfigDict(extra="forbid")

    debit_account: int
    credit_account: int
    amount: Decimal = Field(gt=0, max_digits=30, decimal_places=0)
    currency: str = Field(min_length=3, max_length=10)
    reference: str = Field(default="", max_length=200)


class TransferOut(BaseModel):
    """The answer."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    debit_account_id: int
    credit_account_id: int
    amount: Decimal
    currency: str
    reference: str
    created_at: datetime


# Built once: building a statement anew for each request costs the ORM a tenth of its time.
LOCK = (
    select(Account)
    .where(Account.id.in_(bindparam("ids", expanding=True)))
    .order_by(Account.id)
    .with_for_update()
)
FIND = select(Transfer).where(Transfer.idempotency_key == bindparam("key"))

engine = create_async_engine(
    os.environ.get("BENCH_SQLALCHEMY_URL", "postgresql+psycopg://"),
    pool_size=POOL_SIZE,
    max_overflow=0,
    pool_timeout=60,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    yield
    await engine.dispose()


async def session() -> AsyncGenerator[AsyncSession]:
    async with new_session() as opened:
        yield opened


app = FastAPI(lifespan=lifespan)


@app.post("/v1/transfers", status_code=201, response_model=TransferOut)
async def create_transfer(
    body: TransferIn,
    idempotency_key: Annotated[str, Header(max_length=255)],
    db: Annotated[AsyncSession, Depends(session)],
) -> Transfer:
    request_hash = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    try:
        async with db.begin():
            return await post(db, body, idempotency_key, request_hash)
    except IntegrityError:
        # Another request under the same key was first: its record is the answer.
        async with db.begin():
            return await replay(db, idempotency_key, request_hash)


async def post(db: AsyncSession, body: TransferIn, key: str, request_hash: str) -> Transfer:
    """Lock both accounts in id order, check, and write the transfer with its entries."""
    both = sorted({body.debit_account, body.credit_account})
    accounts = {account.id: account for account in await db.scalars(LOCK, {"ids": both})}
    known = await db.scalar(FIND, {"key": key})
    if known is not None:
        return same(known, request_hash)
    debit, credit = parties(accounts, body)
    debit.balance -= body.amount
    credit.balance += body.amount
    transfer = Transfer(
        idempotency_key=key,
        request_hash=request_hash,
        debit_account_id=debit.id,
        credit_account_id=credit.id,
        amount=body.amount,
        currency=body.currency,
        reference=body.reference,
    )
    db.add(transfer)
    await db.flush()
    entries = (
        {"account_id": debit.id, "amount": -body.amount, "balance": debit.balance},
        {"account_id": credit.id, "amount": body.amount, "balance": credit.balance},
    )
    await db.execute(insert(Entry), [{"transfer_id": transfer.id, **entry} for entry in entries])
    return transfer


def parties(accounts: dict[int, Account], body: TransferIn) -> tuple[Account, Account]:
    """Return payer and payee, or say why this transfer cannot be."""
    if len(accounts) < 2:
        raise HTTPException(404, "unknown account")
    debit, credit = accounts[body.debit_account], accounts[body.credit_account]
    if debit.currency != body.currency or credit.currency != body.currency:
        raise HTTPException(422, "wrong currency")
    if debit.floor is not None and debit.balance - body.amount < debit.floor:
        raise HTTPException(422, "insufficient funds")
    return debit, credit


async def replay(db: AsyncSession, key: str, request_hash: str) -> Transfer:
    known = await db.scalar(FIND, {"key": key})
    if known is None:
        raise HTTPException(409, "in flight")
    return same(known, request_hash)


def same(known: Transfer, request_hash: str) -> Transfer:
    if known.request_hash != request_hash:
        raise HTTPException(422, "this key was used for another request")
    return known


def main(arguments: Sequence[str]) -> None:
    """Serve on a loopback port."""
    (port,) = arguments
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])

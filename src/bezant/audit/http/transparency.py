"""The transparency log over HTTP (c2sp.org/tlog-tiles): public, and cacheable where it never
changes.
"""

from datetime import datetime
from typing import Annotated, Final

from fastapi import Query, Response
from pydantic import BaseModel

from bezant.audit.port import TransparencyLog, UnknownTile
from bezant.audit.published import Integrity
from bezant.audit.spelling import spelled
from bezant.http.routes import PUBLIC, Routes
from bezant_verify.note import encoded
from bezant_verify.tiles import ENTRIES, tile_at

FOR_EVER: Final = {"cache-control": "public, max-age=31536000, immutable"}
A_MOMENT: Final = {"cache-control": "public, max-age=1"}
TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
SIZE_MAX: Final = 2**63 - 1
TILE: Final = "/audit/tile/{level}/{first}"
Size = Annotated[int, Query(ge=0, le=SIZE_MAX)]


class ConsistencyAnswer(BaseModel):
    """The proof that one tree is the beginning of another."""

    object: str = "consistency"
    old_size: int
    size: int
    path: list[str]


class WitnessAnswer(BaseModel):
    """What a witness last signed."""

    witness: str
    size: int
    witnessed_at: datetime
    trouble: str


class ChainHeadAnswer(BaseModel):
    """The newest head of a book that is in the log."""

    book: str
    batch: int
    hash: str
    recorded_at: datetime


class VerificationAnswer(BaseModel):
    """When something was last recomputed."""

    subject: str
    reached: int
    fault: str
    verified_at: datetime


class FeedAnswer(BaseModel):
    """A feed that the log follows."""

    feed: str
    position: int
    trouble: str


class IntegrityAnswer(BaseModel):
    """The state of everything that can be checked."""

    object: str = "integrity"
    origin: str
    size: int
    signed_size: int
    root: str
    signed_at: datetime | None
    witnesses: list[WitnessAnswer]
    chain_heads: list[ChainHeadAnswer]
    verifications: list[VerificationAnswer]
    feeds: list[FeedAnswer]
    trouble: str

    @classmethod
    def of(cls, found: Integrity) -> "IntegrityAnswer":
        """Return the state as it is answered."""
        return cls(
            origin=found.origin, size=found.size, signed_size=found.signed_size, root=found.root,
            signed_at=found.signed_at,
            witnesses=[
                WitnessAnswer(
                    witness=one.witness, size=one.size, witnessed_at=one.witnessed_at,
                    trouble=one.trouble,
                )
                for one in found.witnesses
            ],
            chain_heads=[
                ChainHeadAnswer(
                    book=one.book, batch=one.batch, hash=one.hash, recorded_at=one.recorded_at
                )
                for one in found.chain_heads
            ],
            verifications=[
                VerificationAnswer(
                    subject=one.subject, reached=one.reached, fault=one.fault,
                    verified_at=one.verified_at,
                )
                for one in found.verifications
            ],
            feeds=[
                FeedAnswer(feed=one.feed, position=one.position, trouble=one.trouble)
                for one in found.feeds
            ],
            trouble=found.trouble,
        )  # fmt: skip


def routes(log: TransparencyLog) -> Routes:
    """Return the public routes."""
    made = Routes("audit", tag="Transparency log")

    @made.get("/audit/checkpoint", permission=PUBLIC, summary="Show the newest signed checkpoint")
    async def checkpoint() -> Response:
        return Response(await log.checkpoint(), media_type=TEXT, headers=A_MOMENT)

    @made.get("/audit/inclusion", permission=PUBLIC, summary="Prove that an entry is in the log")
    async def inclusion(index: Size) -> Response:
        headers = {**A_MOMENT, "content-disposition": f'inline; filename="{index}.tlog-proof"'}
        return Response(await log.inclusion(index), media_type=TEXT, headers=headers)

    @made.get("/audit/consistency", permission=PUBLIC, summary="Prove that the log only grew")
    async def consistency(old_size: Size, size: Size) -> ConsistencyAnswer:
        found = await log.consistency(old_size, size)
        path = [encoded(step) for step in found.path]
        return ConsistencyAnswer(old_size=found.old_size, size=found.size, path=path)

    @made.get("/audit/keys", permission=PUBLIC, summary="Show whom to believe about the log")
    async def keys() -> Response:
        text = spelled(await log.keys())
        return Response(text, media_type="application/json", headers=A_MOMENT)

    @made.get("/audit/integrity", permission=PUBLIC, summary="Show what was checked, and when")
    async def integrity() -> IntegrityAnswer:
        return IntegrityAnswer.of(await log.integrity())

    _add_tiles(made, log)
    return made


def _add_tiles(made: Routes, log: TransparencyLog) -> None:
    """Add the paths of tiles: a number has a segment for three digits, a partial tile one more."""

    async def shown(level: str, *parts: str) -> Response:
        place = tile_at(parts)
        if place is None or not (level == ENTRIES or level in map(str, range(64))):
            raise UnknownTile
        if level == ENTRIES:
            content = await log.bundle(*place)
        else:
            content = await log.tile(int(level), *place)
        return Response(content, media_type=BYTES, headers=FOR_EVER)

    @made.get(TILE, permission=PUBLIC, summary="Show a tile of the log")
    async def one(level: str, first: str) -> Response:
        return await shown(level, first)

    @made.get(f"{TILE}/{{second}}", permission=PUBLIC, summary="Show a tile of a larger log")
    async def two(level: str, first: str, second: str) -> Response:
        return await shown(level, first, second)

    @made.get(
        f"{TILE}/{{second}}/{{third}}", permission=PUBLIC, summary="Show a tile of a large log"
    )
    async def three(level: str, first: str, second: str, third: str) -> Response:
        return await shown(level, first, second, third)

    @made.get(
        f"{TILE}/{{second}}/{{third}}/{{fourth}}",
        permission=PUBLIC,
        summary="Show a tile of a very large log",
    )
    async def four(level: str, first: str, second: str, third: str, fourth: str) -> Response:
        return await shown(level, first, second, third, fourth)

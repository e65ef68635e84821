"""Receipts: the door, the follower that issues, the worker that stores, and what they are told."""

import hashlib
import os
from dataclasses import fields, is_dataclass
from typing import Final, cast

import msgspec

import bezant
from bezant.audit.port import Audit, TransparencyLog
from bezant.db.feeds import StoredFeed
from bezant.db.follower import Follower, Together
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.identity.port import Identity
from bezant.keys.port import Keys
from bezant.payments.port import PaymentsFeed
from bezant.receipts import issuing, jobs, storing
from bezant.receipts.issuer import Build, Issuer
from bezant.receipts.issuing import Issuing
from bezant.receipts.links import Links
from bezant.receipts.port import Form, Receipts, ReceiptsFeed
from bezant.receipts.proving import Proving
from bezant.receipts.reporting import Reporting
from bezant.receipts.service import ReceiptsService
from bezant.receipts.signing import MODULE, OF_THE_POC, ORDINARY, ReceiptKeys, SigningKey
from bezant.receipts.storing import Storing
from bezant.rpc.near import near
from bezant.secret import Secret
from bezant.settings import Settings
from bezant.wiring.audit import MODULE as AUDIT
from bezant.wiring.audit import log_beside
from bezant.wiring.keys import keys_for
from bezant.wiring.modules import FEEDS, audit_port, identity_port, open_identity
from bezant.wiring.workbench import Workbench

POC: Final = "poc"
NONE: Final = "none"


async def receipts_port(
    bench: Workbench, keys: Keys, identity: Identity, audit: Audit, log: TransparencyLog
) -> Receipts:
    """Return receipts, near or far."""
    far = bench.elsewhere(Receipts, MODULE)
    if far is not None:
        return far
    return near(Receipts, (await open_receipts(bench, keys, identity, audit, log))[0])


async def open_receipts(
    bench: Workbench, keys: Keys, identity: Identity, audit: Audit, log: TransparencyLog
) -> tuple[ReceiptsService, ReceiptsFeed]:
    """Open receipts, issue them as payments end, and store what was issued."""
    database = await bench.database(MODULE)
    nudges = Nudges(database)
    nudges.start()
    bench.stack.push_async_callback(nudges.stop)
    sequencer = Sequencer(database, MODULE, nudges)
    sequencer.start()
    bench.stack.push_async_callback(sequencer.stop)
    outbox = Outbox(MODULE, nudges)
    signing = ReceiptKeys(keys, signing_key(bench.settings))
    await signing.start()
    service = await _service(bench, keys, signing, outbox, identity, audit, log)
    feed = StoredFeed(database, MODULE)
    stores = Storing(bench.clock)
    followers = [
        Follower(
            storing.FOLLOWER,
            storing.QUEUE,
            bench.followed(storing.FOLLOWER, storing.QUEUE, feed),
            database,
            Together(stores.handle),
            nudges,
        )
    ]
    if bench.settings.platform.receipts != NONE:
        paid = bench.elsewhere(PaymentsFeed, issuing.FEED)
        paid = paid or await bench.feed(issuing.FEED, FEEDS[issuing.FEED])
        issues = Issuing(
            bench.followed(issuing.FOLLOWER, issuing.FEED, paid), database, bench.clock,
            bench.ids, os.urandom, signing, Issuer(log, _build(bench)), outbox,
            _form(bench.settings),
        )  # fmt: skip
        followers.append(
            Follower(
                issuing.FOLLOWER, issuing.FEED, issues, database, Together(issues.handle), nudges
            )
        )
    for follower in followers:
        follower.start()
        bench.stack.push_async_callback(follower.stop)
    bench.ticks += jobs.ticks(Reporting(database, bench.clock))
    return service, feed


async def open_receipts_apart(bench: Workbench) -> tuple[ReceiptsService, ReceiptsFeed]:
    """Open receipts in a process of their own, with the ports of all they ask."""
    identity, _ = await identity_port(bench, await keys_for(bench, "identity"))
    log = bench.elsewhere(TransparencyLog, AUDIT) or near(
        TransparencyLog, await log_beside(bench, await keys_for(bench, AUDIT))
    )
    keys = await keys_for(bench, MODULE)
    return await open_receipts(bench, keys, identity, await audit_port(bench), log)


async def receipts_beside(bench: Workbench) -> Receipts:
    """Return receipts for a command beside a running platform; nothing is started here."""
    keys = await keys_for(bench, MODULE)
    identity = near(Identity, await open_identity(bench, await keys_for(bench, "identity")))
    log = near(TransparencyLog, await log_beside(bench, await keys_for(bench, AUDIT)))
    audit = await audit_port(bench)
    outbox = Outbox(MODULE, Nudges(await bench.database(MODULE, 1)))
    signing = ReceiptKeys(keys, signing_key(bench.settings))
    return near(Receipts, await _service(bench, keys, signing, outbox, identity, audit, log))


def signing_key(settings: Settings) -> SigningKey:
    """Return the key that signs receipts here."""
    return OF_THE_POC if settings.platform.profile == POC else ORDINARY


async def _service(
    bench: Workbench,
    keys: Keys,
    signing: ReceiptKeys,
    outbox: Outbox,
    identity: Identity,
    audit: Audit,
    log: TransparencyLog,
) -> ReceiptsService:
    links = Links(keys)
    await links.start()
    return ReceiptsService(
        await bench.database(MODULE), bench.clock, bench.ids, outbox, signing, links,
        Proving(audit, log), identity, _form(bench.settings),
    )  # fmt: skip


def _form(settings: Settings) -> Form:
    return Form.FULL if settings.platform.receipts == Form.FULL else Form.COMPACT


def _build(bench: Workbench) -> Build:
    return Build(bezant.__version__, configuration_digest(bench.settings))


def configuration_digest(settings: Settings) -> str:
    """Return a digest of every setting; of a secret it only tells whether there is one."""
    written = msgspec.json.encode(_plain(settings), order="deterministic")
    return hashlib.sha256(b"bezant configuration 1\n" + written).hexdigest()


def _plain(value: object) -> object:
    match value:
        case Secret():
            return "set"
        case None | bool() | int() | str():
            return value
        case dict():
            return {
                str(key): _plain(one) for key, one in cast("dict[object, object]", value).items()
            }
        case list() | tuple():
            return [_plain(one) for one in cast("tuple[object, ...]", value)]
        case _ if is_dataclass(value):
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        case _:
            return str(value)

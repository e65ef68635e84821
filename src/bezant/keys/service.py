"""The key room at work: every question is answered with the version that may answer it."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.outbox import Outbox
from bezant.ids import Ids
from bezant.keys import algorithms, rules
from bezant.keys.capabilities import capabilities
from bezant.keys.envelopes import Envelopes, ref_of
from bezant.keys.gathering import Accesses, AccessLog
from bezant.keys.owners import OwnersKeys
from bezant.keys.port import (
    ACCESSES_MAX,
    ALGORITHM_OF,
    KEY_ENCRYPTION_KEY,
    AccessesOf,
    AccessPage,
    BadSignature,
    Capabilities,
    DeclareKey,
    DestroyKey,
    KeyPlan,
    KeySpec,
    KeysStatus,
    KeyState,
    KeyTransition,
    KeyVersion,
    Mac,
    PlanKey,
    PublicKey,
    Purpose,
    RotateKey,
    Sealed,
    ShredKeys,
    Signature,
    UnknownKey,
    UnsupportedKey,
    Use,
)
from bezant.keys.provider import KeyProvider
from bezant.keys.registry import Registry, told
from bezant.keys.rotation import Rotation
from bezant.keys.schedule import Schedule
from bezant.keys.store import access as access_store
from bezant.keys.store import version as store
from bezant.keys.store.version import VersionRow
from bezant.keys.telling import MODULE, Telling

# A pending version, too: another process may have begun to use it a moment ago.
COMPARABLE: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE, KeyState.VERIFY_ONLY})


class KeysService:
    """Implements `Keys`. The first provider makes new keys, but for those that have a home of their
    own by name; others serve the keys they hold.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        providers: Sequence[KeyProvider],
        chance: Callable[[int], bytes] = os.urandom,
        *,
        outbox: Outbox | None = None,
        mode: Mode = Mode.TEST,
        accesses: Accesses | None = None,
        homes: Mapping[str, str] | None = None,
    ) -> None:
        by_name = {provider.name: provider for provider in providers}
        telling = Telling(outbox, Ids(clock, chance), mode)
        self._database = database
        self._clock = clock
        self._telling = telling
        self._providers = by_name
        self._accesses = accesses or Accesses(clock, "keys")
        self._registry = Registry(database, clock)
        self._envelopes = Envelopes(by_name, self._registry, self._accesses, chance)
        self._rotation = Rotation(
            database, clock, by_name, self._registry, self._envelopes, telling, chance, homes
        )
        self._owners = OwnersKeys(database, clock, self._registry, self._envelopes, telling, chance)
        self.schedule: Final = Schedule(database, clock, self._rotation, self._owners)
        self.access_log: Final = AccessLog(database, self._accesses, telling)

    async def start(self) -> None:
        """Make the key-encryption key on first use and finish what a crash interrupted."""
        own = DeclareKey(KEY_ENCRYPTION_KEY, Purpose.WRAP, KeySpec.AES256, by=MODULE)
        await self._rotation.declare(own)  # Of the room itself, in whichever process it is.
        await self._rotation.resume()
        await self._owners.rewrap()

    async def declare(self, command: DeclareKey) -> KeyVersion:
        """Return the active version, making the key and its first version when there is none."""
        rules.workable(command.name, command.by, self._accesses.caller)
        return told(await self._rotation.declare(command))

    async def sign(self, name: str, message: bytes) -> Signature:
        """Sign with the active version."""
        row = await self._active(name, Purpose.SIGN)
        with self._working(Use.SIGN, row):
            value = await self._computed(row, message)
        return Signature(row.kid, ALGORITHM_OF[row.spec], value)

    async def verify(self, message: bytes, signature: Signature) -> None:
        """Return if the signature is the named version's, else raise `BadSignature`."""
        row = await self._registry.find(signature.kid)
        if row is None or row.purpose is not Purpose.SIGN or row.state is KeyState.PENDING:
            raise BadSignature
        # The algorithm is the key's own; what a signature says of itself must agree, not decide.
        if signature.algorithm is not ALGORITHM_OF[row.spec]:
            raise BadSignature
        assert row.public_key is not None
        if not algorithms.verify(signature.algorithm, row.public_key, message, signature.value):
            raise BadSignature

    async def macs(self, name: str, message: bytes) -> tuple[Mac, ...]:
        """Return the keyed hash under every version that may be compared with, active first."""
        active = await self._active(name, Purpose.MAC)
        others = [
            row
            for row in await self._registry.versions(name)
            if row.state in COMPARABLE and row.kid != active.kid
        ]
        with self._working(Use.HASH, active):
            return tuple(
                [Mac(row.kid, await self._computed(row, message)) for row in (active, *others)]
            )

    async def seal(self, name: str, plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with the active version, bound to bytes that must be the same when opening."""
        row = await self._active(name, Purpose.SEAL)
        with self._working(Use.SEAL, row):
            return await self._envelopes.seal(row, plaintext, bound_to)

    async def seal_for(self, name: str, owner: str, plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with the owner's own data key of this month, made on first use."""
        row = await self._active(name, Purpose.SEAL)
        if row.wrapped_by is None:
            raise UnsupportedKey(f"{name} was not declared for data keys: declare it wrapped")
        with self._working(Use.SEAL, row, name):
            return await self._owners.seal(name, owner, plaintext, bound_to)

    async def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        """Return what was sealed, whatever version sealed it, or raise `CannotOpen`."""
        with self._accesses.using(Use.OPEN, sealed.kid):
            await self._refuse_others(rules.name_of(sealed.kid))
            if self._owners.knows(sealed.kid):
                return await self._owners.open(sealed, bound_to)
            return await self._envelopes.open(sealed, bound_to)

    async def public_keys(self, name: str) -> tuple[PublicKey, ...]:
        """Return every public key of this name, newest first."""
        return tuple(
            PublicKey(row.kid, row.spec, ALGORITHM_OF[row.spec], row.state, row.public_key)
            for row in await self._registry.versions(name)
            if row.public_key is not None
        )

    async def rotate(self, command: RotateKey) -> KeyVersion:
        """Make a new version active; the one before keeps verifying or decrypting."""
        rotated = await self._rotation.rotate(command)
        if rotated.name == KEY_ENCRYPTION_KEY:
            await self._owners.rewrap()
        return told(rotated)

    async def plan(self, command: PlanKey) -> KeyPlan:
        """Say what happens to a key by itself."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            logical = await store.logical_key(tx, command.plan.name)
            if logical is None:
                raise UnknownKey
            rules.plannable(command.plan, logical.purpose)
            await store.change_plan(tx, command.plan)
            await self._telling.planned(tx, command.plan, command.by, now)
        return command.plan

    async def plans(self) -> tuple[KeyPlan, ...]:
        """Return what happens to each key by itself."""
        async with self._database.transaction() as tx:
            return tuple(await store.plans(tx))

    async def destroy(self, command: DestroyKey) -> KeyVersion:
        """Erase a version that no longer does new work."""
        return told(await self._rotation.destroy(command))

    async def shred(self, command: ShredKeys) -> int:
        """Erase every data key of an owner and return how many there were."""
        await self._refuse_others(command.name)
        return await self._owners.shred(command)

    async def inventory(self) -> tuple[KeyVersion, ...]:
        """Return every version of every key, by name and version."""
        async with self._database.transaction() as tx:
            return tuple(told(row) for row in await store.all_versions(tx))

    async def history(self, name: str) -> tuple[KeyTransition, ...]:
        """Return what happened to the versions of a key, oldest first."""
        async with self._database.transaction() as tx:
            found = tuple(await store.transitions(tx, name))
        if not found:
            raise UnknownKey
        return found

    async def status(self) -> KeysStatus:
        """Return the room at a glance."""
        versions = await self.inventory()
        active = [row for row in versions if row.state is KeyState.ACTIVE]
        destroyed = [row for row in versions if row.state is KeyState.DESTROYED]
        return KeysStatus(
            providers=tuple([await provider.health() for provider in self._providers.values()]),
            active=len(active),
            retired=len(versions) - len(active) - len(destroyed),
            destroyed=len(destroyed),
            oldest_active_at=min((row.created_at for row in active), default=None),
        )

    async def accesses(self, query: AccessesOf) -> AccessPage:
        """Return a page of the access log, newest first."""
        limit = max(1, min(query.limit, ACCESSES_MAX))
        found = await access_store.page(self._database, query, limit + 1)
        return AccessPage(tuple(found[:limit]), has_more=len(found) > limit)

    async def capabilities(self) -> Capabilities:
        """Return what is classical here and what is not."""
        providers = self._providers.values()
        available = frozenset[KeySpec]().union(*(provider.specs for provider in providers))
        places = [provider.assurance for provider in providers]
        return capabilities(available, places, await self.inventory())

    async def _refuse_others(self, name: str | None) -> None:
        """Refuse whoever calls just now unless this is a key of theirs."""
        for version in (await self._registry.versions(name))[:1] if name else ():
            rules.workable(version.name, version.declared_by, self._accesses.caller)

    async def _active(self, name: str, purpose: Purpose) -> VersionRow:
        row = await self._registry.active(name)
        if row.purpose is not purpose:
            raise UnsupportedKey(f"{name} is a key to {row.purpose} with")
        return row

    @contextmanager
    def _working(self, use: Use, row: VersionRow, named: str = "") -> Generator[None]:
        """Count a use of a key by whoever calls just now, and refuse it unless it is theirs."""
        with self._accesses.using(use, named or row.kid):
            rules.workable(row.name, row.declared_by, self._accesses.caller)
            yield

    async def _computed(self, row: VersionRow, message: bytes) -> bytes:
        provider = self._envelopes.provider(row)
        return await provider.sign(ref_of(row), ALGORITHM_OF[row.spec], message)

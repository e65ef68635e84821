"""The life of a key: declared, rotated, re-wrapped, destroyed; each step says who and why.

Material is made before the transaction that registers it and destroyed after the one that gives it
up, so no transaction waits for a disk or an HSM. What a crash leaves behind, `resume` finishes.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.keys import algorithms, rules
from bezant.keys.envelopes import Envelopes, ref_of
from bezant.keys.port import (
    KEY_ENCRYPTION_KEY,
    AlreadyRotated,
    DeclareKey,
    DestroyKey,
    KeyMismatch,
    KeyOfAnother,
    KeyState,
    KeyTransition,
    RotateKey,
    UnknownKey,
    UnsupportedKey,
)
from bezant.keys.provider import KeyProvider
from bezant.keys.registry import Registry
from bezant.keys.store import version as store
from bezant.keys.store.version import LogicalRow, VersionRow
from bezant.keys.telling import Telling
from bezant.secret import Secret

REWRAP_PAGE: Final = 100
RANDOM_SUFFIX_BYTES: Final = 5  # Ten hex digits: symmetric keys have no thumbprint to tell.
_log = telemetry.log("keys")


class Rotation:
    """Makes versions and moves them through their states."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        providers: Mapping[str, KeyProvider],
        registry: Registry,
        envelopes: Envelopes,
        telling: Telling,
        chance: Callable[[int], bytes] = os.urandom,
        homes: Mapping[str, str] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._providers = providers
        self._homes = homes or {}
        self._registry = registry
        self._envelopes = envelopes
        self._telling = telling
        self._chance = chance

    async def declare(self, command: DeclareKey) -> VersionRow:
        """Return the active version of a key, making key and version when there is none."""
        rules.declarable(command)
        plan = rules.begins_with(command)
        home = self._home(command.name)
        if command.spec not in home.specs:
            raise UnsupportedKey(f"the provider {home.name} cannot hold {command.spec}")
        logical = LogicalRow(
            command.name, command.purpose, command.spec, command.wrapped, command.by
        )
        async with self._database.transaction() as tx:
            await store.add_logical_key(tx, command, plan, self._clock.now())
            found = await store.logical_key(tx, command.name)
            assert found is not None, "it was added, or was there"
            if found.declared_by != command.by:
                raise KeyOfAnother(f"{command.name} is not a key of {command.by}")
            if found != logical:
                raise KeyMismatch
            existing = await store.versions(tx, command.name)
        active = _active(existing)
        if active is None:
            try:
                return await self._add_version(logical, existing, command.by, "declared")
            except AlreadyRotated:  # Another process was first; its version is as good.
                return await self._registry.active(command.name)
        return active

    async def rotate(self, command: RotateKey) -> VersionRow:
        """Make a new version active and retire the one before it, or let it wait to be known."""
        async with self._database.transaction() as tx:
            logical = await store.logical_key(tx, command.name)
            existing = await store.versions(tx, command.name)
        active = _active(existing)
        if logical is None or active is None:
            raise UnknownKey
        if command.expected_kid and command.expected_kid != active.kid:
            raise AlreadyRotated
        waiting = next((row for row in existing if row.state is KeyState.PENDING), None)
        if waiting is not None:
            if command.publish_seconds:
                return waiting
            return await self.begin(logical.name, waiting.kid, command.by, command.reason)
        version = await self._add_version(
            logical, existing, command.by, command.reason, command.publish_seconds
        )
        if logical.name == KEY_ENCRYPTION_KEY:
            await self.rewrap()
        return version

    async def begin(self, name: str, kid: str, by: str, reason: str) -> VersionRow:
        """Let a pending version take over."""
        async with self._database.transaction() as tx:
            await store.lock_logical_key(tx, name)
            present = await store.versions(tx, name)
            row = next((one for one in present if one.kid == kid), None)
            if row is None or row.state is not KeyState.PENDING:
                raise AlreadyRotated
            # From here the rotation succeeds.
            await self._take_over(tx, row, present, by, reason)
            begun = (await store.versions(tx, name))[0]
        self._registry.forget(name)
        _log.info("version.active", kid=kid, by=by)
        if name == KEY_ENCRYPTION_KEY:
            await self.rewrap()
        return begun

    async def destroy(self, command: DestroyKey) -> VersionRow:
        """Erase a version. From the commit on, nothing opens what it sealed."""
        found = await self._registry.find(command.kid)
        if found is None:
            raise UnknownKey
        async with self._database.transaction() as tx:
            await store.lock_logical_key(tx, found.name)
            row = next(v for v in await store.versions(tx, found.name) if v.kid == command.kid)
            rules.destroyable(row.state)
            if row.state is not KeyState.DESTROYED:
                await self._step(tx, row, KeyState.DESTROYED, command.by, command.reason)
        self._registry.forget(row.name)
        self._envelopes.forget(row.kid)
        if row.provider is not None:
            await self._envelopes.provider(row).destroy(ref_of(row))
        _log.info("version.destroyed", kid=row.kid, by=command.by)
        return replace(row, state=KeyState.DESTROYED, wrapped_key=None)

    async def rewrap(self) -> int:
        """Put every wrapped version under the active key-encryption key; stopped halfway, go on."""
        above = await self._registry.active(KEY_ENCRYPTION_KEY)
        done = 0
        while True:
            async with self._database.transaction() as tx:
                page = await store.wrapped_by_older(tx, above.kid, above.name, REWRAP_PAGE)
            if not page:
                return done
            for row in page:
                key = await self._envelopes.unwrap(row)
                wrapped_key = await self._envelopes.wrap(above, row.kid, key)
                async with self._database.transaction() as tx:
                    await store.rewrap(tx, row, above.kid, wrapped_key)
                self._registry.forget(row.name)
                done += 1

    async def resume(self) -> None:
        """Finish what a crash interrupted: re-wrapping, and erasing what is destroyed already."""
        await self.rewrap()
        async with self._database.transaction() as tx:
            everything = await store.all_versions(tx)
        for row in everything:
            if row.state is KeyState.DESTROYED and self._envelopes.is_configured(row):
                await self._envelopes.provider(row).destroy(ref_of(row))

    async def _add_version(
        self,
        logical: LogicalRow,
        existing: list[VersionRow],
        by: str,
        reason: str,
        publish_seconds: int = 0,
    ) -> VersionRow:
        """Make the material, then register it as the next version if nobody else was faster."""
        number = existing[0].version + 1 if existing else 1
        made = await self._make(logical, number, publish_seconds)
        present: list[VersionRow] = []
        try:
            async with self._database.transaction() as tx:
                await store.lock_logical_key(tx, logical.name)
                present = await store.versions(tx, logical.name)
                if [row.kid for row in present] != [row.kid for row in existing]:
                    raise AlreadyRotated
                # From here the rotation succeeds.
                await store.add_version(tx, made)
                await self._step(tx, made, KeyState.PENDING, by, reason, first=True)
                if not publish_seconds:
                    await self._take_over(tx, made, present, by, reason)
                added = (await store.versions(tx, logical.name))[0]
        except AlreadyRotated:
            # Two that were first at once may have taken over the same key of the operator's.
            places = {(row.provider, row.provider_ref) for row in present}
            if made.provider is not None and (made.provider, made.provider_ref) not in places:
                await self._envelopes.provider(made).destroy(ref_of(made))
            raise
        finally:
            self._registry.forget(logical.name)
        _log.info(f"version.{added.state}", kid=added.kid, by=by)
        return added

    async def _take_over(
        self, tx: Tx, row: VersionRow, present: list[VersionRow], by: str, reason: str
    ) -> None:
        active = _active(present)
        if active is not None:
            await self._step(tx, active, rules.retired(row.purpose), by, reason)
        await self._step(tx, row, KeyState.ACTIVE, by, reason)

    async def _make(self, logical: LogicalRow, number: int, publish_seconds: int) -> VersionRow:
        """Make the material of a version. The row that registers it is not written yet."""
        now = self._clock.now()
        made = VersionRow(
            kid="",
            name=logical.name,
            version=number,
            purpose=logical.purpose,
            spec=logical.spec,
            state=KeyState.PENDING,
            provider=None,
            provider_ref=None,
            public_key=None,
            wrapped_by=None,
            wrapped_key=None,
            created_at=now,
            changed_at=now,
            not_before=now + timedelta(seconds=publish_seconds),
            not_after=None,
            made_here=True,
            extractable=True,
            declared_by=logical.declared_by,
        )
        if logical.wrapped:
            above = await self._registry.active(KEY_ENCRYPTION_KEY)
            kid = rules.kid(logical.name, number, self._suffix())
            key = Secret(algorithms.generate(logical.spec, self._chance))
            wrapped_key = await self._envelopes.wrap(above, kid, key)
            return replace(made, kid=kid, wrapped_by=above.kid, wrapped_key=wrapped_key)
        home = self._home(logical.name)
        ref = await home.generate(logical.spec, logical.purpose, logical.name, number)
        public_key = await home.public_key(ref)
        attested = await home.attest(ref)
        suffix = algorithms.thumbprint(ref.spec, public_key) if public_key else self._suffix()
        return replace(
            made,
            kid=rules.kid(logical.name, number, suffix),
            provider=ref.provider,
            provider_ref=ref.name,
            public_key=public_key,
            made_here=attested.made_here,
            extractable=attested.extractable,
        )

    def _home(self, name: str) -> KeyProvider:
        """Return where new versions of a key are made: the first place, unless it has its own."""
        return self._providers[self._homes.get(name) or next(iter(self._providers))]

    def _suffix(self) -> str:
        return self._chance(RANDOM_SUFFIX_BYTES).hex()

    async def _step(
        self, tx: Tx, row: VersionRow, after: KeyState, by: str, reason: str, *, first: bool = False
    ) -> None:
        before = None if first else row.state
        step = KeyTransition(row.kid, before, after, by, reason, self._clock.now())
        await store.add_transition(tx, step)
        await self._telling.step(tx, step)


def _active(versions: list[VersionRow]) -> VersionRow | None:
    return next((row for row in versions if row.state is KeyState.ACTIVE), None)

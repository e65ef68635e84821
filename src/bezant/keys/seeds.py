"""Keys that a token cannot hold: files in a private folder, each sealed by a key of the token.

They are used in this process's memory. Without the token their files are worth nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from bezant.keys import algorithms
from bezant.keys.keyfile import read_private, sync_folder, write_private
from bezant.keys.port import UnknownKey
from bezant.keys.provider import KeyRef

FORMAT: Final = 1
SUFFIX: Final = ".seed"
NAME_CHARACTERS: Final = 32

Transform = Callable[[bytes, bytes], Awaitable[bytes]]
"""Seals or opens bytes, bound to other bytes."""


class Seeds:
    """The sealed keys of one provider."""

    def __init__(
        self, folder: Path, seal: Transform, open_: Transform, chance: Callable[[int], bytes]
    ) -> None:
        self._folder = folder
        self._seal = seal
        self._open = open_
        self._chance = chance
        self._loaded: dict[str, tuple[algorithms.Private, bytes | None]] = {}
        self._destroyed = 0

    async def make(self, ref: KeyRef) -> None:
        """Make a key; its file is durable when this returns."""
        material = await asyncio.to_thread(algorithms.generate, ref.spec, self._chance)
        sealed = await self._seal(material, _about(ref))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(ref)
        await asyncio.to_thread(lambda: write_private(path, sealed, replace=False))
        self._loaded[ref.name] = algorithms.load(ref.spec, material)

    async def load(self, ref: KeyRef) -> tuple[algorithms.Private, bytes | None]:
        """Return a key ready for work, with its public half."""
        loaded = self._loaded.get(ref.name)
        if loaded is None:
            destroyed = self._destroyed
            path = self._path(ref)
            if not path.exists():
                raise UnknownKey
            material = await self._open(await asyncio.to_thread(read_private, path), _about(ref))
            loaded = algorithms.load(ref.spec, material)
            if destroyed == self._destroyed:
                self._loaded[ref.name] = loaded
        return loaded

    async def destroy(self, ref: KeyRef) -> None:
        """Erase the file of a key."""
        await asyncio.to_thread(self._erase, ref)
        self._destroyed += 1
        self._loaded.pop(ref.name, None)

    async def count(self) -> int:
        """Return how many there are."""
        return await asyncio.to_thread(lambda: sum(1 for _ in self._folder.glob(f"*{SUFFIX}")))

    def _erase(self, ref: KeyRef) -> None:
        path = self._path(ref)
        if path.exists():
            path.unlink()
            sync_folder(self._folder)

    def _path(self, ref: KeyRef) -> Path:
        if len(ref.name) != NAME_CHARACTERS or not ref.name.isalnum():
            raise UnknownKey
        return self._folder / f"{ref.name}{SUFFIX}"


def _about(ref: KeyRef) -> bytes:
    return f"bezant seed {FORMAT} {ref.name} {ref.spec}".encode()

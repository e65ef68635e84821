"""A PKCS#11 module in this process: begun for many threads, shared, begun anew when it must be.

Two things are easy to get wrong. A module used by many threads must be told so (python-pkcs11 does
not, and SoftHSM then crashes). And SoftHSM, told or not, cannot make or erase an object while
another thread does anything: whatever is done looks through the token's folder, takes an object
that is being written for one that is broken or gone, and says so of the token (`GeneralError`,
`ObjectHandleInvalid`). So there whoever makes or erases is alone in the module.
"""

import ctypes
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from typing import Final

import pkcs11
from pkcs11 import _pkcs11

from bezant import telemetry
from bezant.keys.port import KeyStoreUnusable
from bezant.secret import Secret

RENEW_EVERY_SECONDS: Final = 1.0
WAIT_SECONDS: Final = 5.0  # For calls under way to end.
ALONE_SECONDS: Final = 30.0  # An RSA key takes a second, on a small machine some more.
OS_LOCKING_OK: Final = 0x2
ALREADY_INITIALIZED: Final = 0x191
CROWDED: Final = "softhsm"
"""The maker whose module wants whoever makes an object to be alone."""

_log = telemetry.log("keys")


class _InitializeArgs(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("create", "destroy", "lock", "unlock")),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class _Module(_pkcs11.lib):
    """python-pkcs11's module without its own initialisation, which forbids threads."""

    def initialize(self) -> None:
        """Do nothing: `Library` has initialised the module already."""


class Library:
    """A PKCS#11 module in this process, initialised for many threads."""

    def __init__(self, path: str) -> None:
        self._native = ctypes.CDLL(path)  # It lets other threads go on while it calls.
        self._changed = threading.Condition()
        self._calls = 0
        self._renewing = False
        self._alone = False
        self._renewed_at = monotonic()
        self.generation = 1
        """How often the module was begun; sessions belong to one generation."""
        self._initialize()
        self.module = _Module(path)
        self._crowded: Final = CROWDED in str(self.module.manufacturer_id).lower()

    @contextmanager
    def calling(self, *, making: bool = False) -> Generator[int]:
        """Enter a call; nobody begins the module anew meanwhile. Yields the generation.

        `making` or erasing an object, one is alone in it where the module needs that.
        """
        with self._changed:
            self._enter(alone=making and self._crowded)
            self._calls += 1
            generation = self.generation
        try:
            yield generation
        finally:
            with self._changed:
                self._calls -= 1
                if making and self._crowded:
                    self._alone = False
                self._changed.notify_all()

    def renew(self, seen: int, why: str) -> bool:
        """Begin the module anew unless somebody did so since that generation.

        False if that was tried a moment ago, or cannot be done while calls are stuck in it.
        """
        with self._changed:
            if self.generation != seen or self._renewing:
                return True
            if monotonic() < self._renewed_at + RENEW_EVERY_SECONDS:
                return False
            self._renewing = True
            try:
                if not self._changed.wait_for(lambda: self._calls == 0, WAIT_SECONDS):
                    return False
                self._native.C_Finalize(None)
                self._initialize()
                self.generation += 1
                _log.warn("hsm.begins_anew", why=why, generation=self.generation)
                return True
            finally:
                self._renewed_at = monotonic()
                self._renewing = False
                self._changed.notify_all()

    def initialize_token(self, slot: int, so_pin: Secret[str], label: bytes) -> None:
        """Make a token in a slot; python-pkcs11 has no call for that."""
        pin = so_pin.reveal().encode()
        with self.calling():
            code = self._native.C_InitToken(
                ctypes.c_ulong(slot), pin, ctypes.c_ulong(len(pin)), label
            )
        if code != 0:
            raise KeyStoreUnusable(f"the token could not be made (0x{code:x})")

    def close(self) -> None:
        """Give back everything the module holds."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls == 0, WAIT_SECONDS)
            self._native.C_Finalize(None)

    def _enter(self, *, alone: bool) -> None:
        """Wait for one's turn."""
        free = self._changed.wait_for(lambda: not self._renewing and not self._alone, ALONE_SECONDS)
        if free and alone:
            self._alone = True  # From here nobody else enters.
            free = self._changed.wait_for(lambda: self._calls == 0, WAIT_SECONDS)
            if not free:
                self._alone = False
                self._changed.notify_all()
        if not free:
            raise KeyStoreUnusable("the HSM does not answer")

    def _initialize(self) -> None:
        arguments = _InitializeArgs(flags=OS_LOCKING_OK)
        code = self._native.C_Initialize(ctypes.byref(arguments))
        if code == ALREADY_INITIALIZED:  # By the process we were forked from.
            self._native.C_Finalize(None)
            code = self._native.C_Initialize(ctypes.byref(arguments))
        if code != 0:
            raise KeyStoreUnusable(f"the PKCS#11 module does not start (0x{code:x})")


_open_lock = threading.Lock()
_open: dict[tuple[int, str], tuple[Library, int]] = {}


def open_library(path: str) -> Library:
    """Return the module of this process, shared by everybody who opened it."""
    with _open_lock:
        key = (os.getpid(), path)
        library, users = _open.get(key, (None, 0))
        if library is None:
            try:
                library = Library(path)
            except (OSError, pkcs11.PKCS11Error) as error:
                raise KeyStoreUnusable(f"{path} is no PKCS#11 module: {error}") from None
        _open[key] = (library, users + 1)
        return library


def close_library(path: str) -> None:
    """Give the module back; the last one out ends it."""
    with _open_lock:
        key = (os.getpid(), path)
        library, users = _open.pop(key)
        if users > 1:
            _open[key] = (library, users - 1)
        else:
            library.close()

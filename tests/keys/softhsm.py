"""A SoftHSM of one test's own, with its tokens in a folder of the test."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from bezant.keys.pkcs11 import TokenPlace
from bezant.secret import Secret

LABEL = "payment-hsm"
PIN = "824517"
SO_PIN = "41190278"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)


def module() -> str:
    return next(one for one in MODULES if Path(one).exists())


@dataclass(frozen=True)
class SoftHsm:
    """Its folder, and what one does to a token by hand."""

    folder: Path

    @classmethod
    def begin(cls, folder: Path) -> "SoftHsm":
        """Make a folder in this one and say where it is, as SOFTHSM2_CONF does for the module too.

        A name is never used again: the module remembers what it has seen under one.
        """
        folder.mkdir(parents=True)
        made = cls(Path(mkdtemp(dir=folder)))
        made.tokens.mkdir()
        settings = made.folder / "softhsm2.conf"
        settings.write_text(
            f"directories.tokendir = {made.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        os.environ["SOFTHSM2_CONF"] = str(settings)
        return made

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def place(self) -> TokenPlace:
        return TokenPlace(module(), LABEL, Secret(PIN))

    def with_pin(self, pin: str) -> TokenPlace:
        return TokenPlace(module(), LABEL, Secret(pin))

    def make_token(self, label: str = LABEL) -> None:
        self.util("--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN)

    def util(self, *words: str) -> str:
        ran = subprocess.run(
            ["softhsm2-util", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")},
        )
        return ran.stdout

    def take_out(self) -> None:
        """Take the token out: nothing of it is there any more."""
        self.tokens.rename(self.folder / "elsewhere")
        self.tokens.mkdir()

    def put_back(self) -> None:
        shutil.rmtree(self.tokens)
        (self.folder / "elsewhere").rename(self.tokens)

    def contents(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.tokens.rglob("*") if path.is_file())

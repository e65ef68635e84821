"""A migration file that an installed package ships: named by version and hash, never copied in.

What is read is compared with the hash before anything is done with it. So a package that was
replaced by another version is noticed whether its tables still have to be made or are there
already.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

from bezant.errors import Refused


class PackageDiffers(Refused):
    """A package whose tables we use is installed in another version than the one we know."""

    code = "package_differs"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """Where a package ships a file, and what stood in it when we learnt to use it."""

    package: str
    version: str
    file: str
    sha256: str

    @classmethod
    def named_in(cls, path: Path) -> "PackageFile":
        """Read which file is meant."""
        said = tomllib.loads(path.read_text("utf-8"))
        return cls(said["package"], said["version"], said["file"], said["sha256"])

    def read(self) -> str:
        """Return the file's text, or refuse one that differs from the one we know."""
        try:
            text = resources.files(self.package).joinpath(self.file).read_bytes()
            version = metadata.version(self.package)
        except (ModuleNotFoundError, FileNotFoundError):
            raise PackageDiffers(
                f"{self.package} is not installed with its {self.file}; "
                f"install {self.package}=={self.version}"
            ) from None
        if hashlib.sha256(text).hexdigest() != self.sha256:
            raise PackageDiffers(
                f"{self.package} {version} is installed; its {self.file} is not that of version "
                f"{self.version}, which this program knows: install "
                f"{self.package}=={self.version}. Nothing was changed."
            )
        return text.decode()

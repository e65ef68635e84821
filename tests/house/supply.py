"""What we ship besides our own code: the licences of what is installed with it, and its bill of
materials.

`python -m tests.house.supply` writes a CycloneDX document of the pinned runtime requirements to
standard output.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from itertools import pairwise

from tests.house.tree import ROOT

from bezant import __version__

# Licences whose software may be an ordinary dependency of ours. By SPDX name.
ALLOWED = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PostgreSQL",
        "PSF-2.0",
        "Zlib",
    ]
)
# Fine as a dependency that users can replace, and listed in NOTICE.
ALLOWED_WITH_NOTICE = frozenset({"LGPL-3.0-only", "LGPL-3.0-or-later", "LGPL-2.1-or-later"})
# How packages that do not speak SPDX yet call the same licences.
OLD_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-2-Clause",  # pyasn1-modules; its LICENSE.txt has the two clauses.
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
PINNED = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(\[[\w,-]+\])?==(?P<version>[^\s;\\]+)"
    r"(\s*;\s*(?P<marker>[^\\\n]*?))?\s*(\\|--hash|$)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Package:
    """A pinned requirement and the licence it declares."""

    name: str
    version: str
    licence: str
    hashes: tuple[str, ...]


def runtime_packages() -> list[Package]:
    """Return everything `requirements/base.txt` installs on this machine."""
    text = (ROOT / "requirements/base.txt").read_text()
    found = [*PINNED.finditer(text), None]
    packages: list[Package] = []
    for one, following in pairwise(found):
        assert one is not None
        block = text[one.start() : following.start() if following else None]
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        licence = licence_of(one["name"])
        if licence is not None:
            packages.append(Package(one["name"], one["version"], licence, hashes))
    return packages


def licence_of(name: str) -> str | None:
    """Return the licence an installed package declares; None if it is not for this machine."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return None
    declared = said.get("License-Expression") or said.get("License") or ""
    classifiers = [
        line.rpartition("::")[2].strip()
        for line in said.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    if len(declared) > 60 or "\n" in declared:  # Some paste the whole text.
        declared = ""
    return spdx(declared) if declared else " OR ".join(sorted({spdx(one) for one in classifiers}))


def spdx(name: str) -> str:
    """Return the SPDX name for a licence's name."""
    return OLD_NAMES.get(name, name)


def forbidden(packages: Mapping[str, str], notice: str) -> Iterator[str]:
    """Yield every package whose licence is not allowed, or asks for a notice and has none."""
    for name, licence in packages.items():
        choices = [set(re.split(r" AND ", choice)) for choice in licence.strip("()").split(" OR ")]
        if any(choice <= ALLOWED for choice in choices):
            continue
        if not any(choice <= ALLOWED | ALLOWED_WITH_NOTICE for choice in choices):
            yield f"{name}: {licence or 'no licence'} is not allowed"
        elif not re.search(rf"^\W*{re.escape(name)}\b", notice, re.MULTILINE):
            yield f"{name}: {licence} must be listed in NOTICE"


def bill_of_materials() -> dict[str, object]:
    """Return a CycloneDX 1.6 document of what runs."""
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{one.name}@{one.version}",
            "name": one.name,
            "version": one.version,
            "purl": f"pkg:pypi/{one.name}@{one.version}",
            "licenses": [{"expression": one.licence}],
            "properties": [{"name": "pip:hash:sha256", "value": value} for value in one.hashes],
        }
        for one in runtime_packages()
    ]
    subject = {"type": "application", "name": "bezant", "version": __version__}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject | {"bom-ref": f"pkg:pypi/bezant@{__version__}"}},
        "components": components,
    }


if __name__ == "__main__":
    json.dump(bill_of_materials(), sys.stdout, indent=2)
    sys.stdout.write("\n")

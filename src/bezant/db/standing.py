"""Who the server runs as: PostgreSQL refuses root, and we add no user to the machine.

An ordinary user stays who they are. Root enters a user namespace in which the same user has another
number: files keep their owner and no folder is opened to anybody. Where namespaces are switched off
(many container hosts), root gives up its rights for good and becomes an unprivileged user that owns
the data folder.
"""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Accounts made for such a purpose first; `nobody` last, because strangers share it.
DROP_PREFERRED: Final = ("bezant", "postgres", "daemon", "bin", "nobody")


@dataclass(frozen=True, slots=True)
class Standing:
    """Who a program runs as. Printed, it is the argument of `launch.py`."""

    kind: str = "ordinary"
    uid: int = -1
    gid: int = -1

    def __str__(self) -> str:
        match self.kind:
            case "namespace":
                return f"namespace:{self.uid}"
            case "dropped":
                return f"dropped:{self.uid}:{self.gid}"
            case _:
                return self.kind

    @property
    def owner(self) -> int:
        """Return the user id that the server's files and processes have outside any namespace."""
        return self.uid if self.kind == "dropped" else os.geteuid()


def choose(data: Path) -> Standing:
    """Return who shall run the server over this data folder."""
    if os.geteuid() != 0:
        return Standing()
    if not data.exists() or data.stat().st_uid == 0:
        inside = Standing("namespace", _named_uid())
        if _works(inside):
            return inside
    return dropped(data)


def dropped(data: Path) -> Standing:
    """Return the unprivileged user that owns the data folder, or shall own it."""
    if data.exists() and data.stat().st_uid != 0:
        found = data.stat()
        return Standing("dropped", found.st_uid, found.st_gid)
    for name in DROP_PREFERRED:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return Standing("dropped", account.pw_uid, account.pw_gid)
    uid = _named_uid()
    return Standing("dropped", uid, pwd.getpwuid(uid).pw_gid)


def _named_uid() -> int:
    """Return a user id other than root's that has a name: initdb looks its own name up."""
    named = [account.pw_uid for account in pwd.getpwall() if account.pw_uid != 0]
    ordinary = [uid for uid in named if 1000 <= uid < 60000]
    return min(ordinary or named, default=65534)


def _works(standing: Standing) -> bool:
    launcher = Path(__file__).with_name("launch.py")
    tried = subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-I", "-S", launcher, str(os.getpid()), str(standing)),
            *(sys.executable, "-I", "-S", "-c", "pass"),
        ],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0

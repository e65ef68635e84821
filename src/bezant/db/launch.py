"""Become an unprivileged process that ends with its parent, then become the named program.

Runs as a script of its own, `python -I -S launch.py PARENT STANDING PROGRAM ARGUMENTS…`, and
therefore imports nothing of ours. There is no fork in it: the program is the caller's direct child,
which the caller can signal and wait for.

STANDING is what `standing.Standing` prints:
    ordinary          stay who we are
    namespace:UID     root becomes UID inside a user namespace of its own; nothing changes outside
    dropped:UID:GID   root becomes this user for good, where user namespaces are switched off
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # <linux/sched.h>
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def enter_namespace(uid: int) -> None:
    """PostgreSQL refuses to run as root; inside the namespace the same user is called `uid`."""
    real_uid, real_gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {real_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{uid} {real_gid} 1")


def drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def end_with(parent: int) -> None:
    """Ask for SIGINT, PostgreSQL's fast and clean shutdown, when the parent dies however it dies.

    Set after the change of user, which would forget it. A parent that died before we asked is
    noticed by its id.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that wanted this server is gone")


def launch(parent: str, standing: str, program: str, *arguments: str) -> None:
    os.umask(0o077)
    match standing.split(":"):
        case ["namespace", uid]:
            enter_namespace(int(uid))
        case ["dropped", uid, gid]:
            drop(int(uid), int(gid))
        case _:
            pass
    end_with(int(parent))
    try:
        os.execv(program, [program, *arguments])  # noqa: S606
    except OSError as error:
        raise SystemExit(f"FATAL: {program} cannot be run: {error.strerror}") from error


if __name__ == "__main__":
    launch(*sys.argv[1:])

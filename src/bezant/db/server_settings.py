"""The settings our PostgreSQL runs with, and why. Written anew at every start.

An operator's own `postgres.conf` is read first, so memory and logging may be tuned; what follows it
decides what a payment platform must not lose, and cannot be loosened there or by ALTER SYSTEM.
"""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bezant.db.data_folder import ADMINISTRATOR

SHARED_MEMORY_MIN_BYTES = 64 << 20  # Less than this in /dev/shm and dynamic memory goes to files.

SYNCFS_TELLS_ERRORS = (5, 8)  # Linux


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What differs between installations; everything else is the same everywhere."""

    tag: str
    sockets: Path
    port: int
    tcp_port: int | None
    own_settings: Path
    durable: bool = True


def dynamic_memory() -> str:
    """Return where parallel queries exchange rows: containers often have a tiny /dev/shm."""
    try:
        enough = shutil.disk_usage("/dev/shm").free >= SHARED_MEMORY_MIN_BYTES  # noqa: S108
    except OSError:
        enough = False
    return "posix" if enough and os.access("/dev/shm", os.W_OK) else "mmap"  # noqa: S108


def sync_before_recovery() -> str:
    """Return how files are made durable before a crash is replayed.

    One call for the whole file system: measured 0.3 s where a thousand calls took 2. Older kernels
    do not tell of errors in it (syncfs(2)).
    """
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    told = release is not None and (int(release[1]), int(release[2])) >= SYNCFS_TELLS_ERRORS
    return "syncfs" if sys.platform == "linux" and told else "fsync"


def configuration(settings: ServerSettings) -> str:
    """Return the text of postgresql.conf."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    on = "on" if settings.durable else "off"
    lines = f"""
        # Written at every start. Put your own settings into {settings.own_settings.name}.
        shared_buffers = {min(max(memory // 16, 128), 512)}MB
        effective_cache_size = {max(memory // 2, 256)}MB
        work_mem = 8MB
        huge_pages = off             # 'try' dies of a bus error where they are forbidden
        dynamic_shared_memory_type = {dynamic_memory()}
        io_method = sync             # as fast as workers within 5 %, three processes fewer
        max_connections = 400        # a dozen module processes, each with pools of its own
        max_logical_replication_workers = 0  # nothing subscribes here: one process fewer
        jit = off

        # Crash recovery replays at most about this much: 5 seconds a gigabyte on two busy cores.
        max_wal_size = 1GB
        min_wal_size = 128MB
        recovery_init_sync_method = {sync_before_recovery()}
        checkpoint_timeout = 15min   # fewer full-page images, most of a young ledger's WAL
        checkpoint_completion_target = 0.9

        # Logs hold no input: a statement or a row's detail may carry personal data or a password.
        log_min_error_statement = panic
        log_error_verbosity = terse
        log_parameter_max_length = 0
        log_parameter_max_length_on_error = 0
        log_min_duration_statement = -1
        log_statement = none
        log_line_prefix = '%m [%p] %q%u@%d '
        log_timezone = 'UTC'
        timezone = 'UTC'
        lc_messages = 'C'

        include_if_exists '{_quoted(settings.own_settings)}'

        # What follows is not for tuning.
        fsync = {on}
        full_page_writes = {on}
        synchronous_commit = {on}
        data_sync_retry = off        # after a failed fsync the page cache lies: crash and replay
        ignore_checksum_failure = off
        zero_damaged_pages = off
        wal_level = replica
        archive_mode = off           # nobody clears up here after an archive that fails
        allow_alter_system = off
        password_encryption = 'scram-sha-256'
        restart_after_crash = off    # we restart it whole: by itself it can wait for ever
        listen_addresses = '{"127.0.0.1" if settings.tcp_port else ""}'
        port = {settings.port}
        unix_socket_directories = '{_quoted(settings.sockets)}'
        unix_socket_permissions = 0700
        cluster_name = '{settings.tag}'
        update_process_title = on    # leftovers of a crash are found by the name in their title
        logging_collector = off      # standard error is our file, which the supervisor rotates
        log_destination = 'stderr'
        ssl = off                    # the server never listens beyond this machine
    """
    return "\n".join(line.strip() for line in lines.strip().splitlines()) + "\n"


def access(tcp: bool) -> str:
    """Return the text of pg_hba.conf: a password for everybody, and nobody from elsewhere."""
    lines = [
        "# Written at every start.",
        "local  all          all             scram-sha-256",
        f"local  replication  {ADMINISTRATOR:<15} scram-sha-256",
    ]
    if tcp:
        lines.append("host   all          all  127.0.0.1/32  scram-sha-256")
    return "\n".join(lines) + "\n"


def _quoted(value: Path | str) -> str:
    return str(value).replace("'", "''")

"""What the platform tells about itself: logs here, and beside them `metrics` and `traces`.

log = telemetry.log("payments")
log.info("charge.answered", attempt=attempt.id, status=status)
"""

from bezant.telemetry.logs import (
    REQUEST_ID,
    TRACE_ID,
    Level,
    Log,
    Writer,
    configure,
    enabled,
    line_of,
    log,
    put_line,
    render,
    shut,
    timestamp,
)

__all__ = [
    "REQUEST_ID",
    "TRACE_ID",
    "Level",
    "Log",
    "Writer",
    "configure",
    "enabled",
    "line_of",
    "log",
    "put_line",
    "render",
    "shut",
    "timestamp",
]

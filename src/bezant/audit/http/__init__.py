"""The audit over HTTP: requests and events for those who may look, the log for everybody."""

from bezant.audit.http import events, requests, transparency
from bezant.audit.port import Audit, TransparencyLog
from bezant.http.routes import Routes

__all__ = ["routes"]


def routes(audit: Audit, log: TransparencyLog) -> tuple[Routes, ...]:
    """Return every route of the audit."""
    return requests.routes(audit), events.routes(audit), transparency.routes(log)

"""Approvals: what one person proposes, another one approves."""

from bezant.approvals.port import *  # noqa: F403

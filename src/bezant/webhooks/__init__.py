"""Webhooks: what happened is told to whoever asked to hear of it. This is the door."""

from bezant.webhooks.port import *  # noqa: F403

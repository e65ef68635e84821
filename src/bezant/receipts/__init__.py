"""Receipts: what became of a payment or refund, signed so that a stranger can check it."""

from bezant.receipts.port import *  # noqa: F403

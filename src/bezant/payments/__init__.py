"""Payments: from a payer's card to the book. This is its door; everything else is private."""

from bezant.payments.port import *  # noqa: F403

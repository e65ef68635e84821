"""Issuers of others that we trust: their tokens at our edge, and signing in at them."""

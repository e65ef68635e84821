"""Bezant: payments, a double-entry book and proofs anyone can check."""

__version__ = "0.1.0"

"""What these tests stand on: identity and keys on a real database."""

from tests.identity.conftest import clock, identity, identity_database, ids, make, open_identity

__all__ = ["clock", "identity", "identity_database", "ids", "make", "open_identity"]

"""What the attacks are made on: the sample listener, and identity on a real database."""

from tests.http.conftest import stand
from tests.identity.conftest import clock, identity, identity_database, ids, make, open_identity

__all__ = ["clock", "identity", "identity_database", "ids", "make", "open_identity", "stand"]

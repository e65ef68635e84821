"""What the attacks are made on: the sample listener, and identity and keys on a real database."""

from tests.http.conftest import stand
from tests.identity.conftest import clock, identity, identity_database, ids, make, open_identity
from tests.keys.conftest import keys, keys_database, open_keys

__all__ = [
    "clock",
    "identity",
    "identity_database",
    "ids",
    "keys",
    "keys_database",
    "make",
    "open_identity",
    "open_keys",
    "stand",
]

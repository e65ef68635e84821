"""Some keys have a home of their own: those that sign tokens, where `JWT_SECRET` is set."""

from pathlib import Path

import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.keys import DeclareKey, KeySpec, KeyStoreUnusable, Purpose, RotateKey
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret

TOKENS = DeclareKey("jwt-signing", Purpose.SIGN, KeySpec.P256, by="test")
OTHERS = DeclareKey("audit-log", Purpose.SIGN, KeySpec.ED25519, by="test")


@pytest.mark.requirement("S002-6", part="JWT_SECRET wraps token-signing keys and is none itself")
async def test_token_signing_keys_lie_under_their_own_secret_and_others_do_not(
    keys_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> None:
    database = await Database.open(
        keys_database.dsn("bezant_keys", MODULE_PASSWORD), name="keys", size_max=4, clock=clock
    )
    files = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
    secret = Secret("correct horse battery staple")
    own = await FileProvider.open(tmp_path / "keys" / "jwt", passphrase=secret, name="jwt")
    room = KeysService(database, clock, [files, own], homes={TOKENS.name: "jwt"})
    await room.start()

    await room.declare(OTHERS)
    await room.declare(TOKENS)
    signature = await room.sign(TOKENS.name, b"a token")
    await room.rotate(RotateKey(TOKENS.name, by="test"))

    homes = {row.name: row.provider for row in await room.inventory()}
    assert homes == {"key-encryption": "file", OTHERS.name: "file", TOKENS.name: "jwt"}
    assert len(list((tmp_path / "keys" / "jwt").glob("*.key"))) == 2
    with pytest.raises(KeyStoreUnusable):
        await FileProvider.open(tmp_path / "keys" / "jwt", passphrase=Secret("another"), name="jwt")

    # Without the secret the rest goes on; what it signed is verified by its public key.
    without = KeysService(database, clock, [files])
    await without.start()
    await without.verify(b"a token", signature)
    await without.sign(OTHERS.name, b"x")
    with pytest.raises(KeyStoreUnusable, match="not configured"):
        await without.sign(TOKENS.name, b"a token")
    await database.close()

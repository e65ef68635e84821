"""Passwords from elsewhere: a bcrypt hash signs in once, and is an Argon2id hash from then on."""

import json
from typing import Any, cast

import bcrypt
import pytest
from tests.identity.conftest import OPERATOR
from tests.identity.people.conftest import Hall
from tests.identity.people.tables import everything_in

from bezant.identity.oauth import MalformedRealm
from bezant.identity.provider.realm_file import read_realm

TYPED = "an old and long password"


def file_with(credential: dict[str, str]) -> bytes:
    user = {"username": "old", "email": "old@example.com", "credentials": [credential]}
    return json.dumps({"realm": "shop", "users": [user]}).encode()


def exported(typed: str, algorithm: str = "bcrypt") -> dict[str, str]:
    """Return a password as Keycloak exports one that a provider of bcrypt keeps."""
    hashed = bcrypt.hashpw(typed.encode()[:72], bcrypt.gensalt(4)).decode()
    return {
        "type": "password",
        "secretData": json.dumps({"value": hashed, "salt": ""}),
        "credentialData": json.dumps({"hashIterations": 4, "algorithm": algorithm}),
    }


async def imported(hall: Hall, typed: str) -> None:
    realm = read_realm(file_with(exported(typed)))
    await hall.service.import_realm(realm.command(OPERATOR, hall.merchant.id))


async def test_a_bcrypt_hash_signs_in_and_is_replaced(hall: Hall) -> None:
    await imported(hall, TYPED)
    assert "$2b$04$" in await everything_in(hall)
    assert (await hall.log_in("old@example.com", password="not the right one")).status_code == 401
    assert (await hall.log_in("old@example.com", password=TYPED)).status_code == 201
    newest = await _newest_hash(hall)
    assert newest.startswith("$argon2id$")
    assert (await hall.log_in("old@example.com", password=TYPED)).status_code == 201
    assert await _newest_hash(hall) == newest


async def test_what_bcrypt_cut_off_is_cut_off_once_more_and_never_again(hall: Hall) -> None:
    """Those who made the hash looked at 72 bytes; from the first login on every byte counts."""
    long = "a long password, " * 6
    await imported(hall, long)
    assert (await hall.log_in("old@example.com", password=long)).status_code == 201
    assert (await hall.log_in("old@example.com", password=long[:72])).status_code == 401


@pytest.mark.parametrize("algorithm", ["pbkdf2-sha256", "md5", ""])
def test_a_hash_of_another_kind_is_refused(algorithm: str) -> None:
    with pytest.raises(MalformedRealm):
        read_realm(file_with(exported(TYPED, algorithm)))


async def _newest_hash(hall: Hall) -> str:
    database: Any = cast("Any", hall.service)._database
    found = await database.fetch_value(
        "SELECT hash FROM identity.password ORDER BY id DESC LIMIT 1"
    )
    return str(found)

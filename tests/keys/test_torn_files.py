"""A key's file that is torn or changed is refused whole: it never becomes another key."""

from pathlib import Path

from bezant.keys import CannotOpen, KeySpec, KeyStoreUnusable, Purpose
from bezant.keys.file import FileProvider
from bezant.keys.provider import KeyRef
from bezant.secret import Secret

KEY = Secret(b"k" * 32)


async def accepted(folder: Path, ref: KeyRef) -> bool:
    """Tell whether a provider that knows nothing yet takes the file for a key."""
    provider = await FileProvider.open(folder, key=KEY)
    try:
        await provider.public_key(ref)
    except (CannotOpen, KeyStoreUnusable):
        return False
    return True


async def test_no_beginning_and_no_changed_byte_of_a_file_is_a_key(tmp_path: Path) -> None:
    provider = await FileProvider.open(tmp_path / "keys", key=KEY)
    ref = await provider.generate(KeySpec.ED25519, Purpose.SIGN)
    path = tmp_path / "keys" / f"{ref.name}.key"
    whole = path.read_bytes()
    taken = 0

    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        taken += await accepted(tmp_path / "keys", ref)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        taken += await accepted(tmp_path / "keys", ref)
    path.write_bytes(whole + b"\0")
    taken += await accepted(tmp_path / "keys", ref)

    assert taken == 0
    path.write_bytes(whole)
    assert await accepted(tmp_path / "keys", ref)

"""A stranger with a receipt: valid offline, and nothing of it can be changed or left out.

The files in `receipts/` were written by a program that imports nothing of ours.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.verify.forging import Forge

from bezant_verify import answers, jws, receipt
from bezant_verify.checkpoint import Trust
from bezant_verify.note import Misread
from bezant_verify.receipt import written

MADE = Path(__file__).parent / "receipts"
KEYS = MADE / "keys.json"
FILES = ("compact.receipt.json", "dual.receipt.json", "entry.tlog-proof")


def asked(path: Path, *, classical: bool = False) -> answers.Answer:
    if path.suffix == ".tlog-proof":
        return answers.logged(path, KEYS, None, classical=classical)
    return answers.receipted(path, KEYS, classical=classical)


@pytest.mark.requirement("S004-2", "G2")
def test_receipts_and_proofs_made_by_others_are_valid_offline():
    found = {name: asked(MADE / name) for name in FILES}
    assert {name: one.code for name, one in found.items()} == dict.fromkeys(FILES, 0)
    compact = found["compact.receipt.json"].found
    assert compact["receipt"]["merchant"] == "mer_" + "1" * 32  # pyright: ignore
    assert compact["hidden_fields"] == 1
    assert compact["logged"]["witnesses"] == ["witness.example/w1"]  # pyright: ignore
    assert "order 7" not in str(compact)
    for one in found.values():
        assert one.found["not_shown"]


@pytest.mark.catalogue("T88")
@pytest.mark.requirement("S004-2")
@pytest.mark.parametrize("name", FILES)
def test_every_changed_byte_is_noticed(tmp_path: Path, name: str):
    content = (MADE / name).read_bytes()
    path = tmp_path / name
    chance = random.Random(7)
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        assert asked(path).code != 0, f"byte {at}: {bytes(changed[at - 20 : at + 20])!r}"
    for at in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:at])
        assert asked(path).code != 0, f"cut at {at}"
    path.write_bytes(content + b"\n")
    assert asked(path).code != 0
    path.write_bytes(content)
    assert asked(path).code == 0


def changed(name: str, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> dict[str, Any]:
    found, other = (
        json.loads((MADE / one).read_text())
        for one in (name, next(file for file in FILES[:2] if file != name))
    )
    change(found, other)
    return found


def strip_dual(found: dict[str, Any], _: dict[str, Any]) -> None:
    del found["receipt"]["signatures"][1]


def strip_classical(found: dict[str, Any], _: dict[str, Any]) -> None:
    del found["receipt"]["signatures"][0]


def twice(found: dict[str, Any], _: dict[str, Any]) -> None:
    found["receipt"]["signatures"][1] = found["receipt"]["signatures"][0]


def one_more(found: dict[str, Any], _: dict[str, Any]) -> None:
    found["receipt"]["signatures"].append(found["receipt"]["signatures"][0])


def of_another(found: dict[str, Any], other: dict[str, Any]) -> None:
    found["receipt"]["signatures"][0] = other["receipt"]["signatures"][0]


def proof_of_another(found: dict[str, Any], other: dict[str, Any]) -> None:
    found["proof"], found["opening"] = other["proof"], other["opening"]


def payload_of_another(found: dict[str, Any], other: dict[str, Any]) -> None:
    found["receipt"]["payload"] = other["receipt"]["payload"]


def shown_twice(found: dict[str, Any], _: dict[str, Any]) -> None:
    found["disclosures"] *= 2


def invented(found: dict[str, Any], _: dict[str, Any]) -> None:
    field = json.dumps(["c2FsdA", "amount", "0.01"]).encode()
    found["disclosures"].append(jws.base64url(field))


def unprotected(found: dict[str, Any], _: dict[str, Any]) -> None:
    found["receipt"]["signatures"][0]["header"] = {"alg": "none"}


def other_algorithm(found: dict[str, Any], _: dict[str, Any]) -> None:
    row = found["receipt"]["signatures"][0]
    header = json.loads(jws.from_base64url(row["protected"])) | {"alg": "none"}
    row["protected"] = jws.base64url(json.dumps(header).encode())
    row["signature"] = ""


def other_type(found: dict[str, Any], _: dict[str, Any]) -> None:
    row = found["receipt"]["signatures"][0]
    header = json.loads(jws.from_base64url(row["protected"])) | {"typ": "bezant-webhook+jws"}
    row["protected"] = jws.base64url(json.dumps(header).encode())


def without_post_quantum(found: dict[str, Any], _: dict[str, Any]) -> None:
    lines = found["proof"].splitlines(keepends=True)
    found["proof"] = "".join(line for line in lines if len(line) < 5_000)


def without_witness(found: dict[str, Any], _: dict[str, Any]) -> None:
    found["proof"] = "".join(found["proof"].splitlines(keepends=True)[:-1])


def without_opening(found: dict[str, Any], _: dict[str, Any]) -> None:
    del found["opening"]


@pytest.mark.catalogue("T88")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        *[("dual.receipt.json", one) for one in (strip_dual, strip_classical, twice, one_more)],
        *[
            (name, one)
            for name in FILES[:2]
            for one in (of_another, payload_of_another, shown_twice, invented, unprotected,
                        other_algorithm, other_type)
        ],
        *[("compact.receipt.json", one)
          for one in (without_post_quantum, without_witness, without_opening)],
        ("dual.receipt.json", proof_of_another),
    ],
)  # fmt: skip
def test_nothing_may_be_taken_away_or_put_in_its_place(
    tmp_path: Path, name: str, change: Callable[[dict[str, Any], dict[str, Any]], None]
):
    path = tmp_path / "receipt.json"
    path.write_text(written(changed(name, lambda *_: None)))
    assert asked(path).code == 0
    path.write_text(written(changed(name, change)))
    found = asked(path)
    assert found.code == 1, found.found


ENTRIES: dict[str, dict[str, Any]] = {
    "valid": {},
    "of another module": {"feed": "payments"},
    "of another event": {"entry_type": "payment.captured", "event_type": "payment.captured"},
    "of another event inside": {"event_type": "payment.captured"},
    "of another event outside": {"entry_type": "payment.captured"},
    "of no receipt": {"data": {"receipt": None}},
    "of another receipt": {"data": {"receipt": "0" * 64}},
}
"""How an entry is made that says `receipt.issued`, and others that somebody signed as well."""


@pytest.mark.catalogue("T88")
@pytest.mark.requirement("S004-2")
@pytest.mark.parametrize("name", ENTRIES)
def test_only_an_entry_that_says_a_receipt_was_issued_speaks_for_it(tmp_path: Path, name: str):
    forge = Forge.begin()
    path = tmp_path / "receipt.json"
    path.write_text(forge.receipt(**ENTRIES[name]))
    found = answers.receipted(path, forge.keys(tmp_path), classical=False)
    assert found.found["answer"] == ("valid" if name == "valid" else "invalid"), found.found


def test_a_compact_receipt_without_its_proof_is_incomplete(tmp_path: Path):
    path = tmp_path / "receipt.json"

    def alone(found: dict[str, Any], _: dict[str, Any]) -> None:
        del found["proof"], found["opening"]

    path.write_text(written(changed("compact.receipt.json", alone)))
    assert asked(path).code == 2
    assert asked(path, classical=True).code == 0


def test_who_shows_nothing_shows_nothing(tmp_path: Path):
    path = tmp_path / "receipt.json"

    def hide(found: dict[str, Any], _: dict[str, Any]) -> None:
        del found["disclosures"]

    path.write_text(written(changed("dual.receipt.json", hide)))
    found = asked(path)
    assert (found.code, found.found["hidden_fields"]) == (0, 2)
    assert "mer_" not in str(found.found)


@pytest.mark.catalogue("T88")
def test_the_working_groups_own_signature_fits_and_a_changed_one_does_not():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import mldsa

    found = json.loads((MADE / "rfc9964-ml-dsa-87.json").read_text())
    assert found["jwk"]["alg"] == "ML-DSA-87"
    public = mldsa.MLDSA87PublicKey.from_public_bytes(jws.from_base64url(found["jwk"]["pub"]))
    spki = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    protected, payload, signature = found["jws"].split(".")
    value = jws.from_base64url(signature)
    message = f"{protected}.{payload}".encode()
    assert jws.fits("ML-DSA-87", spki, message, value)
    assert not jws.fits("ML-DSA-87", spki, message + b"!", value)
    assert not jws.fits("ML-DSA-65", spki, message, value)
    assert not jws.fits("ML-DSA-87", spki, message, bytes([value[0] ^ 1]) + value[1:])


def test_a_log_commits_to_every_signature_of_a_receipt():
    found = json.loads((MADE / "compact.receipt.json").read_text())
    signed = jws.Signed.parse(found["receipt"])
    assert json.loads(found["opening"]["event"])["data"]["receipt"] == receipt.digest(signed)


def test_the_program_ends_with_the_codes_it_promises(tmp_path: Path):
    (tmp_path / "none").write_text("nothing")
    cases = (
        (["receipt", str(MADE / FILES[0]), "--keys", str(KEYS)], 0),
        (["proof", str(MADE / FILES[2]), "--keys", str(KEYS)], 0),
        (["proof", str(tmp_path / "none"), "--keys", str(KEYS)], 1),
        (["proof", str(tmp_path / "absent"), "--keys", str(KEYS)], 2),
        (["receipt", str(MADE / FILES[0]), "--keys", str(tmp_path / "none")], 2),
        (["keys", str(KEYS)], 0),
        (["keys", str(tmp_path / "none")], 2),
        (["log", str(tmp_path)], 2),
        (["log", "ftp://example.com"], 3),
        (["receipt", str(MADE / FILES[0])], 3),
        ([], 3),
    )  # fmt: skip
    for arguments, code in cases:
        ran = subprocess.run(
            [sys.executable, "-m", "bezant_verify.main", *arguments],
            capture_output=True,
            check=False,
        )
        assert ran.returncode == code, (arguments, ran.stdout, ran.stderr)
        assert code == 3 or b"This does not show:" in ran.stdout


def test_whom_to_believe_is_read_strictly():
    text = KEYS.read_text()
    found = json.loads(text)
    assert len(Trust.parse(text).log) == 2
    for member, value in (("quorum", 2), ("quorum", -1), ("log", found["witnesses"]),
                          ("witnesses", found["log"]), ("log", ["x+y+z"]), ("receipts", [{}]),
                          ("log", [found["log"][0].replace("+", "+0", 1)])):  # fmt: skip
        with pytest.raises(Misread):
            Trust.parse(json.dumps(found | {member: value}))

"""The whole of it: `bezant up` of the family's profile with a SoftHSM, and what operators see."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.cli.running import Nest
from tests.keys.softhsm import LABEL, PIN, SO_PIN, SoftHsm, module

pytestmark = pytest.mark.system


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()


def settings(hsm: SoftHsm, **more: str) -> dict[str, str]:
    return {
        "SOFTHSM2_CONF": str(hsm.folder / "softhsm2.conf"),
        "SOFTHSM_MODULE": module(),
        "SOFTHSM_USER_PIN": PIN,
        **more,
    }


def keys_of(nest: Nest, given: dict[str, str]) -> list[dict[str, object]]:
    told = nest.run("keys", "inventory", "--json", **given)
    assert told.code == 0, told
    found: list[dict[str, object]] = told.facts
    return found


@pytest.mark.requirement("S000-9", "S000-16", part="a platform whose keys lie in SoftHSM")
def test_a_platform_makes_its_keys_in_the_token_and_says_so(nest: Nest, bare_hsm: SoftHsm) -> None:
    # A demo makes its token by itself when the security officer's PIN is given.
    given = settings(bare_hsm, SOFTHSM_SO_PIN=SO_PIN)
    nest.up(**given).url()

    found = keys_of(nest, given)
    status = nest.run("keys", "status", **given)
    doctor = nest.run("doctor", "hsm", "--json", **given)
    rotated = nest.run("keys", "rotate", "payment-encryption-key", "--json", **given)
    access = nest.run("keys", "access", "--json", "--limit", "100", **given)

    sealing = [one for one in found if one["name"] == "payment-encryption-key"]
    assert [one["lies_with"] for one in sealing] == ["pkcs11"]
    assert sealing[0]["made_here"] is True
    assert sealing[0]["extractable"] is False
    assert {one["lies_with"] for one in found if not one["wrapped"]} == {"pkcs11"}
    assert status.code == 0
    assert "SoftHSM" in status.out
    assert "certificate: none" in status.out
    assert {one["health"] for one in doctor.facts["findings"]} == {"good"}
    assert rotated.facts["version"] == 2
    logins = [one for one in access.facts if one["use"] == "login" and one["key"] == LABEL]
    assert logins
    assert {one["outcome"] for one in logins} == {"done"}
    assert f"Label:            {LABEL}" in bare_hsm.util("--show-slots")
    assert tokenised(nest)
    after = nest.run("keys", "access", "--json", "--limit", "100", **given).facts
    assert any(one["caller"] == "vault" and one["use"] in {"seal", "open"} for one in after)


def test_a_wrong_pin_keeps_it_from_starting_and_says_what_to_do(nest: Nest, hsm: SoftHsm) -> None:
    given = settings(hsm, SOFTHSM_USER_PIN="000000")

    started = nest.up(**given)
    code = started.ended(120)
    doctor = nest.run("doctor", "hsm", "--json", **given)

    assert code != 0
    assert "SOFTHSM_USER_PIN" in started.said
    assert "000000" not in started.said
    (wrong,) = [one for one in doctor.facts["findings"] if one["health"] == "wrong"]
    assert "PIN" in wrong["found"]
    assert wrong["remedy"]
    # With the right one it starts, and the refusal stands in the log and in the feed.
    right = settings(hsm)
    nest.up(**right).url()
    alarms = nest.run("keys", "access", "--alarms", "--json", **right).facts
    assert [(one["key"], one["outcome"]) for one in alarms] == [(LABEL, "refused")]


def test_a_token_is_made_by_a_command_once(nest: Nest, bare_hsm: SoftHsm) -> None:
    given = settings(bare_hsm, SOFTHSM_SO_PIN=SO_PIN)
    without = nest.run("doctor", "hsm", "--json", **given)

    made = nest.run("keys", "init-token", **given)
    again = nest.run("keys", "init-token", **given)
    doctor = nest.run("doctor", "hsm", "--json", **given)

    assert [one["health"] for one in without.facts["findings"]] == ["wrong"]
    assert made.code == 0, made
    assert again.code != 0
    assert "stays as it is" in again.err + again.out
    assert doctor.facts["healthy"]


def tokenised(nest: Nest) -> dict[str, object]:
    sample = json.loads((nest.data / "sample.json").read_text())
    facts = nest.run("status", "--json").facts
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2031, "cvc": "123"}
    asked = Request(
        facts["url"] + "/v1/payments/tokenize",
        json.dumps(card).encode(),
        {"Authorization": f"Bearer {sample['secret_key']}", "Content-Type": "application/json"},
    )
    with urlopen(asked, timeout=30) as answer:
        told: dict[str, object] = json.loads(answer.read())
    assert os.environ.get("SOFTHSM2_CONF")
    return told

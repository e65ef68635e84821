"""`bezant keys` beside a running platform: plans, histories, rotations, and who used what."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()


@pytest.mark.requirement("S000-15", part="bezant keys plan, rotate, history and access")
def test_an_operator_plans_rotates_and_looks(nest: Nest) -> None:
    nest.up().url()

    plans = {one["name"]: one for one in nest.run("keys", "plan", "--json").facts}
    changed = nest.run("keys", "plan", "audit-log", "--rotate-days", "30", "--json")
    nobody = nest.run("keys", "plan", "nobody")
    wrong = nest.run("keys", "plan", "payment-encryption-key", "--destroy-days", "1")
    shown = nest.run("keys", "rotate", "api-key-hash", "--publish-seconds", "3600", "--json")
    rotated = nest.run("keys", "rotate", "api-key-hash", "--reason", "at once", "--json")
    history = nest.run("keys", "history", "api-key-hash", "--json").facts
    certificates = nest.run("keys", "rotate", "mtls")
    access = nest.run("keys", "access", "--json", "--limit", "100").facts
    doctor = nest.run("doctor", "hsm", "--json").facts

    assert plans["payment-encryption-key"]["rotate_days"] == 90
    assert plans["audit-log"]["rotate_days"] == 0
    assert changed.facts[0]["rotate_days"] == 30
    assert nobody.code != 0
    assert wrong.code != 0
    assert shown.facts["state"] == "pending"
    assert rotated.facts["state"] == "active"
    assert rotated.facts["kid"] == shown.facts["kid"]
    assert [one["after"] for one in history[-3:]] == ["pending", "verify_only", "active"]
    assert history[-1]["reason"] == "at once"
    assert history[-1]["by"].startswith("operator ")
    # One process has no certificates between processes, and says so.
    assert certificates.code != 0
    assert "There are no certificates" in certificates.err + certificates.out
    assert {("gateway", "login", "file")} <= {
        (one["caller"], one["use"], one["key"]) for one in access
    }
    assert any(one["caller"] == "audit" and one["use"] == "sign" for one in access)
    assert doctor["findings"][0]["found"].startswith("No HSM is configured")

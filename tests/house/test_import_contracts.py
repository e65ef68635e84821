"""The floors and doors hold, and every contract catches the violation it is there for."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
NAMES = [contract["name"] for contract in CONTRACTS["contracts"]]

FLOORS, DOORS, PORTS, RULES, HANDLERS, DRIVER, GRPC, WEB, OUTSIDE, SANDBOX, VERIFIER, SETTINGS = (
    NAMES
)

RUN = "from importlinter.cli import lint_imports_command as run; run()"

MODULE_FILES = ("port", "rules", "service", "store", "http", "jobs")
SOUND: dict[str, str] = {
    "bezant_verify/chain.py": "import hashlib\nimport cryptography\n",
    "bezant/cli/main.py": "import httpx2\nfrom bezant import settings, wiring\n",
    "bezant/wiring/__init__.py": "import grpc\nfrom bezant.ledger import service\n",
    "bezant/wiring/edges.py": "import bezant.settings\n",
    "bezant/gateway/edge.py": "import fastapi\nfrom bezant.ledger import http\n",
    "bezant/web/pages.py": "import starlette\nfrom bezant.http import limits\n",
    "bezant/sandbox/stripe.py": "import fastapi\nimport aiohttp\nfrom bezant import money\n",
    "bezant/payments/service.py": "from bezant import ledger\nfrom bezant.ledger import port\n",
    "bezant/ledger/__init__.py": "from bezant.ledger.port import *\n",
    "bezant/ledger/port.py": "from bezant import money\nfrom bezant.ledger.transfer import Leg\n",
    "bezant/ledger/transfer.py": "import decimal\nfrom bezant import actor\nLeg = 1\n",
    "bezant/ledger/rules.py": "import hashlib\nfrom bezant.ledger import port, transfer\n",
    "bezant/ledger/store.py": "import psycopg\nfrom bezant import db\n",
    "bezant/ledger/http.py": "import fastapi\nfrom bezant.http import limits\n",
    "bezant/ledger/service.py": "import bezant_verify.chain\nfrom bezant.ledger import store\n",
    "bezant/keys/kms.py": "import httpx2\n",
    "bezant/psp/transport.py": "import aiohttp\n",
    "bezant/http/limits.py": "import starlette\nfrom bezant import db\n",
    "bezant/rpc/far.py": "import grpc\n",
    "bezant/db/database.py": "import psycopg_pool\nfrom bezant import telemetry\n",
    "bezant/telemetry.py": "from bezant import secret\n",
    "bezant/money.py": "from bezant import assets, errors\n",
}

PLANTED: list[tuple[str, str, str]] = [
    (FLOORS, "bezant/ledger/service.py", "from bezant.payments import port"),
    (FLOORS, "bezant/ledger/service.py", "from bezant import identity"),
    (FLOORS, "bezant/db/database.py", "from bezant.http import limits"),
    (FLOORS, "bezant/money.py", "from bezant import telemetry"),
    (FLOORS, "bezant/rpc/far.py", "from bezant.http import limits"),
    (FLOORS, "bezant/corridor.py", "import json"),
    (DOORS, "bezant/payments/service.py", "from bezant.ledger import store"),
    (DOORS, "bezant/payments/service.py", "from bezant.ledger.service import LedgerService"),
    (DOORS, "bezant/payments/service.py", "from bezant.ledger import transfer"),
    (DOORS, "bezant/gateway/edge.py", "from bezant.payments import jobs"),
    (PORTS, "bezant/ledger/port.py", "from bezant.db import database"),
    (PORTS, "bezant/ledger/port.py", "import pydantic"),
    (PORTS, "bezant/ledger/port.py", "from bezant import settings"),
    (PORTS, "bezant/ledger/port.py", "import asyncio"),
    (PORTS, "bezant/ledger/port.py", "from bezant.ledger import store"),
    (PORTS, "bezant/ledger/transfer.py", "import grpc"),
    (RULES, "bezant/ledger/rules.py", "import asyncio"),
    (RULES, "bezant/ledger/rules.py", "from bezant.ledger import store"),
    (RULES, "bezant/ledger/rules.py", "from bezant.telemetry import log"),
    (HANDLERS, "bezant/ledger/http.py", "from bezant.ledger.service import LedgerService"),
    (HANDLERS, "bezant/ledger/http.py", "from bezant.ledger import store"),
    (HANDLERS, "bezant/ledger/http.py", "from bezant.db import database"),
    (HANDLERS, "bezant/web/pages.py", "from bezant.db import database"),
    (DRIVER, "bezant/ledger/service.py", "import psycopg"),
    (DRIVER, "bezant/cli/main.py", "import psycopg_pool"),
    (DRIVER, "bezant/ledger/jobs.py", "import procrastinate"),
    (GRPC, "bezant/ledger/service.py", "import grpc"),
    (GRPC, "bezant/gateway/edge.py", "from google.protobuf import message"),
    (WEB, "bezant/ledger/service.py", "import fastapi"),
    (WEB, "bezant/rpc/far.py", "from starlette import requests"),
    (OUTSIDE, "bezant/ledger/service.py", "import aiohttp"),
    (OUTSIDE, "bezant/psp/registry.py", "import httpx2"),
    (SANDBOX, "bezant/sandbox/stripe.py", "from bezant.ledger import port"),
    (SANDBOX, "bezant/sandbox/stripe.py", "from bezant.psp import transport"),
    (VERIFIER, "bezant_verify/chain.py", "from bezant import money"),
    (VERIFIER, "bezant_verify/chain.py", "import psycopg"),
    (SETTINGS, "bezant/ledger/service.py", "from bezant import settings"),
    (SETTINGS, "bezant/db/database.py", "import bezant.settings"),
]


def grow(folder: Path, planted: Mapping[str, str]) -> None:
    """Write a small house of the same floors, with these lines added to its files."""
    files = {
        f"bezant/{module}/{name}.py": ""
        for module in ("ledger", "payments", "identity")
        for name in MODULE_FILES
    }
    vocabulary = (
        "settings",
        "events",
        "exchange",
        "assets",
        "ids",
        "clock",
        "actor",
        "secret",
        "errors",
    )
    files |= {f"bezant/{name}.py": "" for name in vocabulary} | SOUND
    for name, line in planted.items():
        files[name] = f"{files.get(name, '')}{line}\n"
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text)


def check(folder: Path) -> tuple[set[str], str]:
    """Run import-linter over the packages of a folder; return the names of the broken contracts."""
    ran = subprocess.run(
        [sys.executable, "-c", RUN, "--no-logo", "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    broken = {name for name in NAMES if f"{name} BROKEN" in ran.stdout}
    kept = {name for name in NAMES if f"{name} KEPT" in ran.stdout}
    assert broken | kept == set(NAMES), ran.stdout + ran.stderr
    assert (ran.returncode == 0) == (not broken), ran.stdout
    return broken, ran.stdout


def test_this_house_keeps_every_contract():
    broken, told = check(ROOT / "src")
    assert not broken, told


def test_a_sound_house_keeps_every_contract(tmp_path: Path):
    grow(tmp_path, {})
    broken, told = check(tmp_path)
    assert not broken, told


@pytest.mark.parametrize(("contract", "file", "line"), PLANTED)
def test_a_planted_violation_is_caught(tmp_path: Path, contract: str, file: str, line: str):
    grow(tmp_path, {file: line})
    broken, told = check(tmp_path)
    assert contract in broken, told


def test_every_contract_has_a_planted_violation():
    assert {contract for contract, _, _ in PLANTED} == set(NAMES)

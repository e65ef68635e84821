"""An issuer that others wrote vouches for people here: npm's oidc-provider, end to end."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from tests.harness.ports import free_port
from tests.harness.waiting import until
from tests.identity.provider.stand import Stand, answered
from tests.identity.provider.words import BASE

from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.identity.member import Role
from bezant.identity.outside.trusted import Trusted
from bezant.secret import Secret

NODE = Path(__file__).parent / "node"
NODE_SECONDS = 300
AUDIENCE, SECRET = "urn:bezant:api", "of-this-test-alone"
CALLBACK = f"{BASE}/signed-in-at/abroad"

pytestmark = [pytest.mark.system, pytest.mark.requirement("S001-2", part="outside issuers")]
Start = Callable[[str], Awaitable[str]]


@pytest.fixture
def clock() -> RealClock:
    """The other issuer lives by the machine's clock, so we do."""
    return RealClock()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    folder = tmp_path / "abroad"
    shutil.copytree(NODE, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, env=kept, capture_output=True, text=True,
        timeout=NODE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    running: list[subprocess.Popen[bytes]] = []

    async def start_one(form: str) -> str:
        port = free_port()
        words = folder / f"{port}.log"
        with words.open("wb") as log:
            running.append(
                subprocess.Popen(
                    ["node", "abroad.mjs", str(port), CALLBACK, form],
                    cwd=folder,
                    env=kept,
                    stdout=log,
                    stderr=log,
                )
            )
        await until(lambda: "listening" in words.read_text(), "the other issuer listens")
        return f"http://127.0.0.1:{port}"

    yield start_one
    for one in running:
        one.terminate()
        one.wait(30)


def trusted(issuer: str, stand: Stand, *, opaque: bool) -> Trusted:
    return Trusted(
        name="abroad", issuer=issuer, title="Abroad", tenant=stand.merchant.id, mode=Mode.TEST,
        audience=AUDIENCE, roles={"shop-money": Role.FINANCE}, client_id="bezant-pages",
        client_secret=Secret(SECRET), opaque=opaque,
    )  # fmt: skip


async def program_token(issuer: str) -> str:
    async with httpx2.AsyncClient() as client:
        answer = await client.post(
            f"{issuer}/token", data={"grant_type": "client_credentials"}, auth=("app", SECRET)
        )
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_its_access_tokens_open_our_edge(stand: Stand, start: Start, form: str) -> None:
    issuer = await start(form)
    stand.service.trust([trusted(issuer, stand, opaque=form == "opaque")])
    token = await program_token(issuer)
    assert token.count(".") == (2 if form == "jwt" else 0)

    async def asked(path: str, text: str) -> httpx2.Response:
        return await stand.client.get(path, headers={"authorization": f"Bearer {text}"})

    here = f"/v1/merchants/{stand.merchant.id}"
    ours = await asked(here, token)
    wrong = await asked(here, token[:-3] + "abc")
    people_only = await asked("/v1/session", token)
    await stand.service.leave_issuers()
    assert (ours.status_code, ours.json().get("id")) == (200, stand.merchant.id)
    assert (wrong.status_code, people_only.status_code) == (401, 403)


async def test_its_people_sign_in_from_our_page(stand: Stand, start: Start) -> None:
    issuer = await start("jwt")
    stand.service.trust([trusted(issuer, stand, opaque=False)])
    person = stand.person()
    page = (await stand.authorize(person)).headers["location"]
    sent = await person.get(f"{page}/at/abroad")
    async with httpx2.AsyncClient() as browser:
        answer = await browser.get(sent.headers["location"])
        for _ in range(10):
            target = answer.headers["location"]
            if target.startswith(CALLBACK):
                break
            answer = await browser.get(target if "://" in target else issuer + target)
    back = await person.get(target.removeprefix(BASE))
    arrived = answered(await person.follow(back))
    tokens = (await stand.exchange(arrived["code"])).json()
    who = await stand.who(tokens["access_token"])
    await stand.service.leave_issuers()
    assert who.status_code == 200, who.text
    assert who.json()["role"] == "finance"

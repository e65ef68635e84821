"""`bezant login`: sign in from a terminal, in a browser of one's own (RFC 8628)."""

import fcntl
import json
import os
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from bezant.cli.exits import Exit, Stop

CLIENT: Final = "bezant-cli"
DOCUMENT: Final = "/.well-known/openid-configuration"
ENDPOINTS: Final = frozenset(
    {"issuer", "token_endpoint", "device_authorization_endpoint", "userinfo_endpoint"}
)
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
ANSWER_SECONDS_MAX: Final = 30.0
SPARE_SECONDS: Final = 60  # A token that ends this soon is renewed before it is given away.
Json = Mapping[str, object]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(login)


def login(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    url: Annotated[
        str | None,
        typer.Option(help="A platform elsewhere.", show_default="the one that runs here"),
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="test or live.", show_default="the installation's")
    ] = None,
    print_token: Annotated[
        bool, typer.Option("--print-token", help="Write the access token and nothing else.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Sign in anew, as somebody else.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Sign in from this terminal; the password is typed in a browser, never here."""
    from bezant.cli.screen import show_facts, show_json

    issuer = _Issuer.at(url or _running(data))
    # By the address we asked, too: whoever answers may call themselves anything, and would be sent
    # the refresh token of whoever really is called so.
    kept = Kept(_folder() / f"{_mark(f'{issuer.asked_at} {issuer.name}')}.json")
    with kept.alone():
        tokens = None if again else _renewed(issuer, kept)
        if tokens is not None:
            kept.keep(tokens)
    if tokens is None:
        tokens = _by_device(issuer, mode, quiet=print_token or as_json)
        kept.keep(tokens)
    if print_token:
        typer.echo(tokens["access_token"])
        return
    who = issuer.profile(str(tokens["access_token"]))
    name = str(who.get("preferred_username", who.get("sub", "")))
    if as_json:
        show_json({"issuer": issuer.name, "signed_in_as": name})
        return
    told = [
        ("Issuer", issuer.name),
        ("Kept in", str(kept.path)),
        ("Token", "bezant login --print-token"),
    ]
    show_facts(f"Signed in as {name}", told)


@dataclass(frozen=True, slots=True)
class _Issuer:
    """What the issuer tells of itself."""

    asked_at: str
    name: str
    document: Json

    @classmethod
    def at(cls, url: str) -> "_Issuer":
        status, document = _ask(url.rstrip("/") + DOCUMENT)
        if status != 200 or not document.keys() >= ENDPOINTS:
            raise Stop(f"{url} does not answer as an issuer does.", "Is it running?")
        return cls(url.rstrip("/"), str(document["issuer"]), document)

    def post(self, endpoint: str, fields: Mapping[str, str]) -> tuple[int, Json]:
        return _ask(str(self.document[endpoint]), {**fields, "client_id": CLIENT})

    def profile(self, token: str) -> Json:
        status, told = _ask(str(self.document["userinfo_endpoint"]), None, token)
        if status != 200:
            raise Stop("The issuer does not take its own token.", "Sign in with --again.")
        return told


class Kept:
    """The tokens of this user's terminal, readable by nobody else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def alone(self) -> Generator[None]:
        """Let no other terminal renew at the same time: a refresh token shown twice ends both."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self) -> Json:
        """Return what was kept, or nothing."""
        try:
            told: object = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return cast("Json", told) if isinstance(told, dict) else {}

    def keep(self, tokens: Json) -> None:
        """Replace what was kept."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        written = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(written, "w", encoding="utf-8") as file:
            json.dump(dict(tokens), file)
        fresh.replace(self.path)


def _renewed(issuer: _Issuer, kept: Kept) -> Json | None:
    """Return tokens that still work, renewed if they end soon."""
    told = kept.read()
    ends = told.get("ends_at")
    if isinstance(ends, int) and ends > time.time() + SPARE_SECONDS:
        return told
    refresh = told.get("refresh_token")
    if not isinstance(refresh, str):
        return None
    fields = {"grant_type": "refresh_token", "refresh_token": refresh}
    status, tokens = issuer.post("token_endpoint", fields)
    return _dated(tokens) if status == 200 else None


def _by_device(issuer: _Issuer, mode: str | None, *, quiet: bool) -> Json:
    """Show where to sign in, and wait until that is done."""
    wanted = {"mode": mode} if mode else {}
    status, begun = issuer.post("device_authorization_endpoint", wanted)
    if status != 200:
        raise Stop(
            f"The issuer refuses: {begun.get('error_description', status)}",
            "Look at bezant logs.",
        )
    where = f"{begun['verification_uri_complete']}"
    # To the other stream: `--print-token` puts nothing but the token into a pipe.
    typer.echo(f"  Open {where}", err=True)
    typer.echo(f"  and check that it shows {begun['user_code']}", err=True)
    if not quiet:
        typer.echo("  waiting …", err=True)
    pause = int(str(begun["interval"]))
    ends = time.monotonic() + int(str(begun["expires_in"]))
    while time.monotonic() < ends:
        time.sleep(pause)
        fields = {"grant_type": DEVICE_GRANT, "device_code": str(begun["device_code"])}
        status, told = issuer.post("token_endpoint", fields)
        if status == 200:
            return _dated(told)
        match told.get("error"):
            case "authorization_pending":
                continue
            case "slow_down":
                pause += 5
            case "access_denied":
                raise Stop("You said no in the browser.", "Nothing was changed.", Exit.REFUSED)
            case _:
                break
    raise Stop("Nobody signed in within ten minutes.", "Begin again: bezant login", Exit.REFUSED)


def _dated(tokens: Json) -> Json:
    return {**tokens, "ends_at": int(time.time()) + int(str(tokens["expires_in"]))}


def _ask(url: str, fields: Mapping[str, str] | None = None, token: str = "") -> tuple[int, Json]:
    """Ask the issuer; its refusals are answers, too."""
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlencode, urlsplit
    from urllib.request import Request, urlopen

    if urlsplit(url).scheme not in {"http", "https"}:
        raise Stop(f"{url} is not the address of a platform.", "Write --url https://…", Exit.USAGE)
    body = urlencode(fields).encode() if fields is not None else None
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        request = Request(url, data=body, headers=headers)  # noqa: S310 - the scheme was checked
        with urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310
            return answer.status, cast("Json", json.loads(answer.read()))
    except HTTPError as refused:
        try:
            return refused.code, cast("Json", json.loads(refused.read()))
        except ValueError:
            return refused.code, {}
    except (URLError, TimeoutError, ValueError):
        raise Stop(
            f"{url} does not answer as an issuer does.", "Is it running?", Exit.UNHEALTHY
        ) from None


def _running(data: Path | None) -> str:
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of
    from bezant.cli.status import running_or_stop

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    return running_or_stop(place_of(settings.platform.data)).url


def _folder() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "bezant" / "logins"


def _mark(issuer: str) -> str:
    from hashlib import sha256

    return sha256(issuer.encode()).hexdigest()[:16]

"""A merchant's view of the platform for commands: its address, a key, and questions by HTTP."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast
from urllib.parse import urlencode

import typer

from bezant.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from bezant.cli.installation import Place

ANSWER_SECONDS_MAX: Final = 30.0
Json = Mapping[str, object]

Data = Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")]
Url = Annotated[
    str | None, typer.Option(help="Where the platform is.", show_default="the one running here")
]
Key = Annotated[
    str | None,
    typer.Option(
        help="A secret API key; better in BEZANT_API_KEY.",
        envvar="BEZANT_API_KEY",
        show_default="the sample merchant's",
        show_envvar=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Facts as JSON.")]


class Api:
    """The platform, asked with one key."""

    def __init__(self, url: str, key: str, place: "Place") -> None:
        self.url = url
        self.key = key
        self.place = place

    def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> Json:
        """Call the API and return its answer, or end the command with what it said."""
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        request = Request(  # noqa: S310 - http or https, checked when the address was read
            f"{self.url}{path}" + (f"?{urlencode(query)}" if query else ""),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"x-api-key": self.key, "content-type": "application/json"},
        )
        try:
            with urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310
                return cast("Json", json.loads(answer.read()))
        except HTTPError as refused:
            raise refusal(refused.code, refused.read()) from None
        except (URLError, TimeoutError, OSError):
            raise Stop(
                f"{self.url} does not answer.", "Ask bezant status.", Exit.UNHEALTHY
            ) from None


def api_of(data: Path | None, url: str | None, key: str | None) -> Api:
    """Return the platform that is meant: the one of this folder unless another one is named."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of
    from bezant.cli.status import running_or_stop

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    if url is not None and not url.startswith(("http://", "https://")):
        raise Stop(f"{url} is no address.", "Write it like https://pay.example.", Exit.USAGE)
    found = url.rstrip("/") if url is not None else running_or_stop(place).url
    return Api(found, key or _sample_key(place), place)


def refusal(status: int, answer: bytes) -> Stop:
    """Say what the platform refused."""
    said: Json = {}
    with suppress(ValueError):
        said = cast("Json", json.loads(answer))
    sentence = str(said.get("detail") or f"The platform answered {status}.")
    remedy = f"({said['code']})" if "code" in said else "Look at bezant logs."
    return Stop(sentence, remedy, Exit.REFUSED if status < 500 else Exit.WRONG)


def _sample_key(place: "Place") -> str:
    try:
        return str(cast("Json", json.loads(place.sample.read_bytes()))["secret_key"])
    except (OSError, ValueError, KeyError):
        raise Stop(
            "There is no sample merchant here.",
            "Put a secret API key into BEZANT_API_KEY.",
            Exit.USAGE,
        ) from None

"""How the text of a setting becomes a value, and what is said when it does not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from bezant.errors import Invalid
from bezant.money import Money
from bezant.secret import Secret

Value = TypeVar("Value")


class Source(IntEnum):
    """Where a text came from; the greater one wins."""

    PROFILE = 1
    FILE = 2
    ENVIRONMENT = 3
    COMMAND_LINE = 4

    def __str__(self) -> str:
        return ".env" if self is Source.FILE else self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Given:
    """The text of one setting, and where it was found."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one setting and what to write instead; never its value."""

    name: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name} {self.problem}: {self.remedy}"


class SettingsWrong(Invalid):
    """Some settings cannot be used."""

    code = "settings_wrong"

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(str(mistake) for mistake in mistakes))


class Unreadable(Exception):
    """A text that is no value of its setting."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Named:
    """How a field is called outside, and how its text becomes a value."""

    name: str
    says: str
    read: Callable[[str], object]
    aliases: tuple[str, ...]
    secret: bool
    awaits: str
    """What will use it, where nothing does yet."""


def named(
    name: str,
    says: str,
    read: Callable[[str], Value],
    default: Value,
    *,
    aliases: tuple[str, ...] = (),
    secret: bool = False,
    awaits: str = "",
) -> Value:
    """Declare a field that is a setting."""
    about = Named(name, says, read, aliases, secret, awaits)
    return field(default=default, metadata={"named": about})


def plain(text: str) -> str:
    """Take the text as it is."""
    return text


def hidden(text: str) -> Secret[str] | None:
    """Take the text as a secret."""
    return Secret(text)


def path(text: str) -> Path | None:
    """Read the name of a file or folder."""
    return Path(text).expanduser()


def items(text: str) -> tuple[str, ...]:
    """Read a list by comma."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and networks by comma."""
    try:
        return tuple(ip_network(item) for item in items(text))
    except ValueError:
        raise Unreadable(
            "is not a list of addresses", "write addresses or networks such as 10.0.0.0/8,::1"
        ) from None


def addresses(text: str) -> tuple[tuple[str, int], ...]:
    """Read hosts with their ports by comma; an IPv6 address stands in brackets."""
    found: list[tuple[str, int]] = []
    for item in items(text):
        host, _, port = item.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        plain = port.isascii() and port.isdigit() and len(port) <= len("65535")
        if not bare or (":" in bare) != (host != bare) or not plain or not 0 < int(port) < 65_536:
            raise Unreadable(
                "is not a list of addresses", "write host:port, such as 127.0.0.1:9001"
            )
        found.append((bare, int(port)))
    return tuple(found)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds."""

    def read_whole(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(high))
        if digits and low <= int(text) <= high:
            return int(text)
        raise Unreadable("is not a number in range", f"write a whole number from {low} to {high}")

    return read_whole


def perhaps(read_one: Callable[[str], Value]) -> Callable[[str], Value | None]:
    """Return a reader of a setting that may also be absent."""
    return read_one


def choice(*choices: str, **spellings: str) -> Callable[[str], str]:
    """Return a reader of one word out of a few; `spellings` are other ways to write them."""

    def read_choice(text: str) -> str:
        found = spellings.get(text.lower(), text.lower())
        if found in choices:
            return found
        raise Unreadable("is none of the known words", f"write one of {', '.join(choices)}")

    return read_choice


def amounts(text: str) -> tuple[Money, ...]:
    """Read amounts, by comma, one of each asset."""
    try:
        found = tuple(Money.of(one.strip()) for one in text.split(",") if one.strip())
    except Invalid:
        raise Unreadable("is no list of amounts", "write such as 500 EUR, 500 USD") from None
    if len({one.asset for one in found}) != len(found) or any(one.minor < 0 for one in found):
        raise Unreadable("names an asset twice, or less than nothing", "write 500 EUR, 500 USD")
    return found


_YES_OR_NO = choice(
    "yes", "no", **{"true": "yes", "1": "yes", "on": "yes", "false": "no", "0": "no", "off": "no"}
)


def yes(text: str) -> bool:
    """Read yes or no."""
    return _YES_OR_NO(text) == "yes"


def url(*schemes: str) -> Callable[[str], Secret[str] | None]:
    """Return a reader of URLs. They may carry a password, so they are kept as secrets."""

    def read_url(text: str) -> Secret[str]:
        wanted = Unreadable("is not a usable address", f"write a URL that begins {schemes[0]}://")
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            raise wanted from None
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise wanted
        return Secret(text)

    return read_url


POSTGRES = url("postgresql", "postgres")
REDIS = url("redis", "rediss", "unix")
WEB = url("https", "http")

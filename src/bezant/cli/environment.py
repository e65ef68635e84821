"""Where settings come from: command line, environment, `.env`, profile; and files for secrets."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import bezant
from bezant.cli.exits import Stop
from bezant.settings import Given, Settings, SettingsWrong, Source, every_named, read

DOTENV_BYTES_MAX: Final = 1_048_576
SECRET_FILE_BYTES_MAX: Final = 65_536  # A mounted secret is a line, not a document.
FILE_SUFFIX: Final = "_FILE"


def load_settings(
    options: Mapping[str, str | None] | None = None, folder: Path | None = None
) -> Settings:
    """Gather every source and read it; mistakes end the command with all of them named."""
    folder = folder or Path.cwd()
    sources = {
        Source.FILE: _read_dotenv(folder / ".env"),
        Source.ENVIRONMENT: dict(os.environ),
        Source.COMMAND_LINE: {
            name: text for name, text in (options or {}).items() if text is not None
        },
    }
    try:
        wanted = read(merge(sources), known_modules()).platform.profile
        sources[Source.PROFILE] = profile_settings(wanted)
        return read(merge(sources), known_modules())
    except SettingsWrong as wrong:
        raise settings_stop(wrong) from None


def merge(sources: Mapping[Source, Mapping[str, str]]) -> dict[str, Given]:
    """Take each name from its strongest source; `<NAME>_FILE` stands for the text of a secret."""
    merged: dict[str, Given] = {}
    secrets = frozenset(about.name for _, about, _ in every_named() if about.secret)
    for source in sorted(sources):
        texts = sources[source]
        for name, text in texts.items():
            merged[name] = Given(text, source)
        for name in secrets:
            file_name = texts.get(name + FILE_SUFFIX)
            if not file_name:
                continue
            if texts.get(name):
                raise Stop(
                    f"{name} and {name}{FILE_SUFFIX} are both set ({source}).", "Keep one of them."
                )
            merged[name] = Given(_read_secret(name, Path(file_name)), source)
    return merged


def settings_stop(wrong: SettingsWrong) -> Stop:
    """Say what is wrong with settings, a line each."""
    lines = [f"{mistake.name} {mistake.problem}: {mistake.remedy}." for mistake in wrong.mistakes]
    return Stop("\n".join(lines), "Nothing was started or changed.")


def parse_dotenv(text: str, name: str = ".env") -> dict[str, str]:
    """Read `NAME=value` lines; quotes are taken off, `#` begins a comment."""
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise Stop(
                f"Line {number} of {name} is not NAME=value.", "Correct or remove that line."
            )
        found[key] = _unquote(value.strip(), number, name)
    return found


def known_modules() -> tuple[str, ...]:
    """Return the modules there are, without importing any of them."""
    root = Path(bezant.__file__).parent
    return tuple(sorted(path.parent.name for path in root.glob("*/port.py")))


def profile_settings(profile: str) -> dict[str, str]:
    """Return the settings that a profile brings, its weakest part."""
    path = Path(bezant.__file__).parent / "gateway" / "profiles" / f"{profile}.toml"
    told = cast("dict[str, object]", tomllib.loads(path.read_text(encoding="utf-8")))
    brought = cast("dict[str, object]", told.get("settings", {}))
    return {name: str(value) for name, value in brought.items()}


def _unquote(value: str, number: int, name: str) -> str:
    quote = value[:1]
    if quote not in {"'", '"'}:
        return value.partition(" #")[0].rstrip()
    closing = value.find(quote, 1)
    rest = value[closing + 1 :].strip()
    if closing < 0 or (rest and not rest.startswith("#")):
        raise Stop(f"Line {number} of {name} has a quote that does not close.", "Close the quote.")
    return value[1:closing]


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > DOTENV_BYTES_MAX:
            raise Stop(
                f"{path} is larger than a settings file can be.", "Look what was written there."
            )
        return parse_dotenv(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as wrong:
        raise Stop(
            f"{path} cannot be read ({type(wrong).__name__}).", "Correct or move that file."
        ) from None


def _read_secret(name: str, path: Path) -> str:
    try:
        if path.stat().st_size > SECRET_FILE_BYTES_MAX:
            raise Stop(
                f"{name}{FILE_SUFFIX} names a file too large for a secret.", "Check the path."
            )
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as wrong:
        raise Stop(
            f"{name}{FILE_SUFFIX} names a file that cannot be read ({type(wrong).__name__}).",
            "Check its path and permissions.",
        ) from None

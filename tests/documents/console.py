"""Runs the console blocks of a page in one shell, and compares what is said with what the page
shows.

`curl` is answered by a small program of our own with the same options, so that no page needs one
installed and none uses an option that this file does not know.
"""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS_MAX = 120
MARK = "--- next ---"
CURL = """#!{python}
import argparse, sys, urllib.error, urllib.request
words = argparse.ArgumentParser(allow_abbrev=False)
words.add_argument("-s", action="store_true")
words.add_argument("-g", action="store_true")
words.add_argument("-X", default=None)
words.add_argument("-H", action="append", default=[])
words.add_argument("-d", default=None)
words.add_argument("url")
given = words.parse_args()
headers = dict(line.split(": ", 1) for line in given.H)
body = given.d.encode() if given.d is not None else None
request = urllib.request.Request(given.url, body, headers, method=given.X)
try:
    answer = urllib.request.urlopen(request, timeout=60)
except urllib.error.HTTPError as refused:
    answer = refused
print(answer.read().decode())
"""


@dataclass(frozen=True)
class Step:
    """One command of a page and what the page says it answers; nothing means anything."""

    command: str
    shown: str


def steps(body: str) -> list[Step]:
    """Return the commands of a block with what is shown below each."""
    found: list[Step] = []
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        found.append(Step(command, shown.strip()))
    return found


def fits(shown: str, said: str) -> bool:
    """Tell whether an answer is the one shown; `…` stands for whatever the page leaves out."""
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, said.strip(), re.DOTALL) is not None


def run(page_steps: list[Step], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Run commands one after the other in one shell; return what each said."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    curl = tools / "curl"
    curl.write_text(CURL.format(python=sys.executable))
    curl.chmod(curl.stat().st_mode | stat.S_IXUSR)
    here = Path(sys.executable).parent
    script = "".join(f"{step.command}\necho '{MARK}'\n" for step in page_steps)
    ran = subprocess.run(
        ["bash", "-s"],
        input=script,
        cwd=folder,
        env={**environment, "PATH": f"{tools}{os.pathsep}{here}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return [part.strip("\n") for part in ran.stdout.split(f"{MARK}\n")[:-1]]

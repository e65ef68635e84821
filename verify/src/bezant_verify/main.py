"""The command line: `bezant-verify receipt|proof|log|ledger|keys`.

Exit codes: 0 valid, 1 invalid, 2 incomplete (cannot be read, or nothing to compare with), 3 wrong
usage. Nothing here asks the network, except `log` when it is given an address.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bezant_verify import answers
from bezant_verify.answers import USAGE, Answer

SCHEMES = ("http", "https")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        sys.stderr.write(f"bezant-verify: {message}\n")
        raise SystemExit(USAGE)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and leave with its exit code."""
    given = _parser().parse_args(arguments)
    answer = _answer(given)
    sys.stdout.write((answer.as_json() if given.json else answer.told()) + "\n")
    raise SystemExit(answer.code)


def _parser() -> _Parser:
    parser = _Parser(
        prog="bezant-verify",
        description="Check what a Bezant platform published, without its servers.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    receipt = commands.add_parser("receipt", help="check a receipt")
    receipt.add_argument("file", type=Path, help="the receipt file")
    receipt.add_argument("--keys", type=Path, required=True, help="whom to believe")

    proof = commands.add_parser("proof", help="check that an entry is in a log")
    proof.add_argument("file", type=Path, help="the .tlog-proof file")
    proof.add_argument("--keys", type=Path, required=True, help="whom to believe")
    proof.add_argument("--opening", type=Path, help="salt and event, to see what was recorded")

    log = commands.add_parser("log", help="read a whole log")
    log.add_argument("place", help="its address, or a folder `bezant audit export` wrote")
    log.add_argument("--keys", type=Path, help="whom to believe; without it, the log's own word")
    log.add_argument(
        "--since", type=Path, action="append", default=[],
        help="a file of checkpoints that were kept; may be given again",
    )  # fmt: skip
    log.add_argument("--copy", type=Path, help="an earlier copy, to name what was changed")
    log.add_argument("--save", type=Path, help="keep a copy in this folder")

    for command in (receipt, proof, log):
        command.add_argument(
            "--policy", choices=("all", "classical"), default="all",
            help="demand post-quantum signatures too (all), or do without",
        )  # fmt: skip

    ledger = commands.add_parser("ledger", help="recompute an exported ledger")
    ledger.add_argument("file", type=Path, help="the file `bezant ledger export` wrote")
    ledger.add_argument("--heads", type=Path, help="chain heads kept outside the database")

    keys = commands.add_parser("keys", help="show a file of keys")
    keys.add_argument("file", type=Path, help="the file a log publishes as `keys`")
    for command in (receipt, proof, log, ledger, keys):
        command.add_argument("--json", action="store_true", help="answer in JSON")
    return parser


def _answer(given: argparse.Namespace) -> Answer:
    match given.command:
        case "receipt":
            return answers.receipted(given.file, given.keys, classical=_classical(given))
        case "proof":
            return answers.logged(
                given.file, given.keys, given.opening, classical=_classical(given)
            )
        case "log":
            scheme, there, _ = given.place.partition("://")
            if there and scheme not in SCHEMES:
                raise SystemExit(USAGE)
            return answers.whole_log(
                given.place, given.keys, given.since, given.copy, given.save,
                classical=_classical(given),
            )  # fmt: skip
        case "ledger":
            return answers.ledger(given.file, given.heads)
        case _:
            return answers.keys(given.file)


def _classical(given: argparse.Namespace) -> bool:
    return given.policy == "classical"


if __name__ == "__main__":
    run()

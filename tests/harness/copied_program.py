"""A program that ends as it is told: `python -m tests.harness.copied_program WAY …`."""

import os
import signal
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["end", status]:
            sys.exit(int(status))
        case ["complain"]:
            sys.exit("this is why")
        case ["trip"]:
            raise RuntimeError("tripped")
        case ["tell"]:
            typed, names = sys.stdin.read(), sorted(os.environ)
            print(typed, Path.cwd(), names, os.getpid() == os.getsid(0))
            print("and an error", file=sys.stderr)
        case ["stay"]:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
            print("ready")
            time.sleep(600)
        case _:
            raise AssertionError(sys.argv)

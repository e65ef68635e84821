"""Makes and erases keys while other threads look for some, and says what went wrong.

Run as a process of its own: `alone` as this repository does it, `crowded` as if every module could
do several things at once.
"""

import os
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pkcs11
from pkcs11 import KeyType, Mechanism
from pkcs11.constants import Attribute, ObjectClass

from bezant.keys.library import open_library

path, label, pin, how = sys.argv[1:]
MAKERS, LOOKERS, TURNS = 2, 4, 60
library = open_library(path)
token = library.module.get_token(token_label=label)
master = token.open(rw=True, user_pin=pin)
seen: Counter[str] = Counter()
done = threading.Event()


def make() -> None:
    session = token.open(rw=True)
    for _ in range(TURNS):
        wanted = {Attribute.ID: os.urandom(8), Attribute.CLASS: ObjectClass.SECRET_KEY}
        try:
            with library.calling(making=how == "alone"):
                session.generate_key(
                    KeyType.GENERIC_SECRET, 256, id=wanted[Attribute.ID], label="made", store=True,
                    mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
                )  # fmt: skip
                found = list(session.get_objects(wanted))
                for one in found:
                    one.destroy()
            seen["made" if len(found) == 1 else "wrong: not found"] += 1
        except pkcs11.PKCS11Error as error:
            seen[f"wrong: {type(error).__name__}"] += 1


def look() -> None:
    session = token.open()
    while not done.is_set():
        try:
            with library.calling():
                list(session.get_objects({Attribute.LABEL: "made"}))
            seen["looked"] += 1
        except pkcs11.PKCS11Error as error:
            seen[f"wrong: {type(error).__name__}"] += 1


with ThreadPoolExecutor(MAKERS + LOOKERS) as threads:
    looking = [threads.submit(look) for _ in range(LOOKERS)]
    making = [threads.submit(make) for _ in range(MAKERS)]
    for one in making:
        one.result()
    done.set()
    for one in looking:
        one.result()
print(sum(times for what, times in seen.items() if what.startswith("wrong")), "wrong")
print(seen["made"], "made", seen["looked"], "looked")

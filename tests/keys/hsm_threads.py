"""Signs from eight threads that open sessions as they go, and says how many signatures fitted.

Run as a process of its own: how a PKCS#11 module is begun decides whether this ends well.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from pkcs11 import KeyType, Mechanism
from pkcs11.constants import Attribute
from pkcs11.util.ec import encode_named_curve_parameters

from bezant.keys.library import open_library

path, label, pin = sys.argv[1:]
library = open_library(path)
token = library.module.get_token(token_label=label)
master = token.open(rw=True, user_pin=pin)
curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
master.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
    mechanism=Mechanism.EC_KEY_PAIR_GEN, store=True, id=b"\x01", label="threads"
)


def work(_: int) -> int:
    fitted = 0
    for _ in range(10):
        with token.open() as session:
            private, public = (
                next(iter(session.get_objects({Attribute.LABEL: "threads", Attribute.CLASS: of})))
                for of in (3, 2)
            )
            digest = bytes(32)
            signature = private.sign(digest, mechanism=Mechanism.ECDSA)
            fitted += public.verify(digest, signature, mechanism=Mechanism.ECDSA)
    return fitted


with ThreadPoolExecutor(8) as threads:
    print(sum(threads.map(work, range(32))), "signatures")

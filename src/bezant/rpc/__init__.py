"""Calls between modules: the same port near (one process) and far (gRPC with mutual TLS).

    near      a service behind its port, with the guard a remote call has
    far       a port whose service is in another process
    serve     a service offered to other processes
    wire      a port's protobuf messages, derived from its types; `proto` writes them as text
    codes     errors on the wire and back
    tls       what a module shows and whom it believes; `authority` issues it
    permits   which module may call which method
    manners   how long a call may take and whether it may be repeated
    breaker   when to stop asking a peer that does not answer

`near` loads neither gRPC nor protobuf: a platform in one process does not pay for them.
"""

import os

# gRPC has no setting for "TLS 1.3 only". TLS 1.3 has its own fixed suites; this list is for 1.2,
# and the one suite on it needs a pre-shared key, which nobody here has: so a 1.2 handshake cannot
# succeed. Read when gRPC is first loaded.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # What matters of it comes up as our own events.
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-PSK-CHACHA20-POLY1305"

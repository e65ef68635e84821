"""One number for everything a process was configured with: it changes when any setting does."""

import hmac
import json
from typing import Final

from bezant.secret import Secret
from bezant.settings.reading import Settings

_CONTEXT: Final = b"bezant settings 1\n"


def digest(settings: Settings, key: Secret[bytes]) -> str:
    """Return an HMAC over what was given, by canonical name.

    With a key, so that whoever sees the digest cannot try out short secrets. What was not given
    follows from the version of the code.
    """
    given = {name: found.text for name, found in settings.given.items()}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key.reveal(), _CONTEXT + text.encode(), "sha256").hex()

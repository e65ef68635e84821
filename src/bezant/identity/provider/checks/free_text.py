"""RFC 6749, appendix A: what a client may put into the values that we only hand back."""

import re
from collections.abc import Mapping
from typing import Final

from bezant.identity.oauth import InvalidRequest

CHARACTERS_MAX: Final = 2_048
_VISIBLE: Final = re.compile(r"[\x20-\x7e]*\Z")


def handed_back(parameters: Mapping[str, str], name: str) -> str:
    """The state and nonce elements are made of visible characters (A.5); ours have a limit."""
    value = parameters.get(name, "")
    if len(value) > CHARACTERS_MAX or not _VISIBLE.match(value):
        raise InvalidRequest(f"{name} is not made of visible characters, or is too long")
    return value

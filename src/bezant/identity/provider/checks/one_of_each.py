"""RFC 6749, 3.1 and 3.2: parameters are not included more than once."""

from collections.abc import Mapping, Sequence
from typing import Final

from bezant.identity.oauth import InvalidRequest
from bezant.identity.openid import PARAMETERS_MAX

VALUE_CHARACTERS_MAX: Final = 8_192


def single(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Request and response parameters MUST NOT be included more than once.

    Parameters sent without a value MUST be treated as if they were omitted from the request.
    """
    found = dict(pairs)
    if len(found) != len(pairs) or len(pairs) > PARAMETERS_MAX:
        raise InvalidRequest("a parameter is there more than once")
    if any(len(value) > VALUE_CHARACTERS_MAX or "\0" in value for value in found.values()):
        raise InvalidRequest("a parameter is longer than any of ours")
    return {name: value for name, value in found.items() if value}

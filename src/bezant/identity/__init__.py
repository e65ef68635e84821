"""Identity: merchants, their members and their keys, and who is asking. This is the door."""

from bezant.identity.port import *  # noqa: F403

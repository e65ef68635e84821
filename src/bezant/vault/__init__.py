"""The vault: the only room that ever holds a card number."""

from bezant.vault.port import *  # noqa: F403

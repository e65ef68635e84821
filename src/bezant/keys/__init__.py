"""Keys: signing, sealing and their life from pending to destroyed. This is the door."""

from bezant.keys.port import *  # noqa: F403

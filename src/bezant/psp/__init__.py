"""Payment providers: one connector a file, each made of pure pairs; one room that does the I/O."""

from bezant.psp.port import *  # noqa: F403

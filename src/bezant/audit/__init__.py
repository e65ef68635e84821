"""What was done here and by whom. This is the door; everything else in this folder is private."""

from bezant.audit.port import *  # noqa: F403

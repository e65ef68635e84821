"""Orders: what is to be paid, checkout sessions, and payment links."""

from bezant.orders.port import *  # noqa: F403

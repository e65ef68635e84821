"""What commands borrow from the insides of modules: little things, quick to import."""

from bezant.identity.rules import operator
from bezant.keys.keyfile import create_key_file, load_key_file
from bezant.webhooks.forwarding import Forwarding
from bezant.webhooks.signatures import NotGenuine
from bezant.webhooks.signatures import verify as verify_webhook

__all__ = [
    "Forwarding",
    "NotGenuine",
    "create_key_file",
    "load_key_file",
    "operator",
    "verify_webhook",
]

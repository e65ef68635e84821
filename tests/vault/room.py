"""Where `template_of` was; it is the harness's now."""

from tests.harness.databases import template_of

__all__ = ["template_of"]

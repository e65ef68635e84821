"""The methods of a port, by name."""

import inspect


class NotOnTheWire(TypeError):
    """A port has something that cannot travel between processes."""


def method_names(port: type) -> tuple[str, ...]:
    """Name the methods of a port, inherited ones first; every one of them is asynchronous."""
    names: dict[str, None] = {}
    for kind in reversed(port.__mro__):
        if kind is object or kind.__module__ == "typing":
            continue
        for name, member in vars(kind).items():
            if not name.startswith("_") and callable(member):
                if not inspect.iscoroutinefunction(member):
                    raise NotOnTheWire(f"{port.__name__}.{name} is not asynchronous")
                names[name] = None
    return tuple(names)

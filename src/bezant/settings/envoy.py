"""Envoy in front of the gateway."""

from dataclasses import dataclass

from bezant.settings.texts import addresses, choice, named


@dataclass(frozen=True, slots=True)
class Envoy:
    """What stands between callers and the gateway."""

    edge: str = named(
        "EDGE",
        "What callers meet first: our own gateway, or an Envoy in front of it (extra `gateway`).",
        choice("own", "envoy"),
        "own",
    )
    gateways: tuple[tuple[str, int], ...] = named(
        "ENVOY_GATEWAYS",
        "Further gateway processes behind Envoy, as host:port by comma.",
        addresses,
        (),
    )
    log_level: str = named(
        "ENVOY_LOG_LEVEL",
        "Log level of Envoy.",
        choice("trace", "debug", "info", "warning", "error", "critical", "off", warn="warning"),
        "info",
    )
    gate: tuple[str, int] | None = None
    """Where a further gateway process listens for Envoy; such a process says so of itself."""

"""Envoy in front of our gateway: configured from the same table of routes that our edge has."""

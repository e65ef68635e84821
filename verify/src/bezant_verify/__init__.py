"""Check what a Bezant platform published, without its servers and without trusting it."""

"""The gateway: every module's routes behind one set of manners, on the ports a profile names."""

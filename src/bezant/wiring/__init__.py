"""Who holds whom: the only place that constructs services, in the order in which they start.

Read `house.py` first. Nothing is imported here, so that a command which opens one module
(`modules.py` and its neighbours) need not load all the others.
"""

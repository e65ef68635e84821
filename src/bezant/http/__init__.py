"""The HTTP room: one set of manners for every request, whichever module answers it.

A module's `http.py` returns `Routes` (see `routes.py`); `gateway.app.build` turns them into one
ASGI application.
"""

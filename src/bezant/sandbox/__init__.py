"""Stateful emulators of the providers, with books of their own: try everything without an account.

Nothing here knows the modules it is used to judge. `site.build_sandbox` opens all of it, `calls.py`
is what an emulator is made of, `book.py` what it remembers, `scripts.py` how it misbehaves on
request.
"""

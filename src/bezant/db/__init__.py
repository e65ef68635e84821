"""The rooms around PostgreSQL: sessions, migrations, gathered writes, feeds, jobs, the server
itself.
"""

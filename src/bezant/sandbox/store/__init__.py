"""Every SQL statement of the sandbox, on SQLite: apart from the database that it helps to judge."""

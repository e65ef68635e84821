"""Every SQL statement of the key room."""

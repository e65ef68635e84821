"""Every SQL statement of the audit, by what it is about."""

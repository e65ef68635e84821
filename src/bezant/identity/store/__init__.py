"""Every SQL statement of identity, one file a noun."""

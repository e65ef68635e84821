"""Every SQL statement of the payments, a typed function each."""

"""Every SQL statement of the module, a typed function each."""

"""Whether an event is really the provider's: one file for each way of signing."""

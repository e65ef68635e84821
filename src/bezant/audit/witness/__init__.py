"""Witnesses: asking those of others to sign what our log shows, and being one for others."""

"""The command line: what people and their scripts start, stop and ask."""

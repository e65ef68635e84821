"""The ordinary ways to keep a book, as people write them, each a complete little service."""

"""The ordinary ways to keep a book, written as people write them, each a complete little service."""

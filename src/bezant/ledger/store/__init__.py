"""Every SQL statement of the ledger: `write` puts in, `read` and `sums` take out."""

-- Finds what was decided about an account among the few transfers that changed one.
CREATE INDEX transfer_change ON ledger.transfer (one, id) WHERE kind = 8;

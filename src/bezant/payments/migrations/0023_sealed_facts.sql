-- What a provider knows a saved way to pay by, such as the number of a bank account, is sealed under a key of the key
-- room. What was saved before is readable as it was, and is sealed soon after the start.
ALTER TABLE payments.method ADD COLUMN sealed bytea;
CREATE INDEX method_unsealed ON payments.method (id) WHERE facts IS NOT NULL;

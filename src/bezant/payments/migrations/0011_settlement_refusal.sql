-- When the book refused a settlement file's money. What it refused once it refuses under that id for a month, so the
-- next try has another id: the number of these.
CREATE TABLE payments.settlement_refusal (
    digest bytea NOT NULL CHECK (length(digest) = 32),
    asset text NOT NULL,
    refused_at timestamptz NOT NULL
);
CREATE INDEX settlement_refusal_digest ON payments.settlement_refusal (digest, asset);
GRANT SELECT, INSERT ON payments.settlement_refusal TO bezant_payments;

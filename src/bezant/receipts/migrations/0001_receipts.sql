-- Receipts: what was signed about each final outcome. What was signed never changes; what opens it can be erased.

CREATE TABLE receipt (
    id uuid NOT NULL,
    form text NOT NULL CHECK (form IN ('compact', 'full')),
    added boolean NOT NULL, -- A further form of a receipt that exists.
    outcome_event uuid NOT NULL,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    about text NOT NULL CHECK (about IN ('payment', 'refund')),
    outcome text NOT NULL
    CHECK (outcome IN ('succeeded', 'declined', 'voided', 'expired', 'failed', 'rejected')),
    payment text NOT NULL,
    refund text NOT NULL,
    asset text NOT NULL,
    exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 18),
    amount numeric(38, 0) NOT NULL CHECK (amount >= 0),
    provider text NOT NULL,
    reference text NOT NULL,
    decided_at timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    signed text NOT NULL, -- The signed object, exactly as it is handed out.
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (id, form),
    CHECK ((about = 'refund') = (refund <> ''))
);

-- Exactly one receipt for each outcome, whoever follows the payments, and in whichever form it was signed first.
CREATE UNIQUE INDEX receipt_once ON receipt (outcome_event) WHERE NOT added;
CREATE UNIQUE INDEX receipt_digest ON receipt (digest);
CREATE INDEX receipt_list ON receipt (tenant, mode, id);
CREATE INDEX receipt_payment ON receipt (payment);

-- Salts and values of the fields that were signed as hashes. Without a row here nobody can open them any more.
CREATE TABLE disclosure (
    receipt uuid PRIMARY KEY,
    fields text NOT NULL -- With `~` between them, as SD-JWT writes them.
);

-- Merchants whose receipts all carry both signatures.
CREATE TABLE preference (
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    form text NOT NULL CHECK (form IN ('compact', 'full')),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, mode)
);

-- What the worker took from the queue: every receipt once, as it was published.
CREATE TABLE stored_receipt (
    receipt uuid NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    added boolean NOT NULL,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    about text NOT NULL,
    outcome text NOT NULL,
    payment text NOT NULL,
    refund text NOT NULL,
    asset text NOT NULL,
    exponent smallint NOT NULL,
    amount numeric(38, 0) NOT NULL,
    provider text NOT NULL,
    reference text NOT NULL,
    signature text NOT NULL CONSTRAINT stored_receipt_signature UNIQUE, -- The first one: short, and of a curve or RSA.
    signed text NOT NULL,
    decided_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (receipt, digest)
);

CREATE INDEX stored_receipt_decided ON stored_receipt (decided_at);

-- Summaries of days and weeks that are over. A period without receipts has a row and no lines.
CREATE TABLE period_report (
    period text NOT NULL CHECK (period IN ('daily', 'weekly')),
    starts_on date NOT NULL,
    ends_on date NOT NULL CHECK (ends_on > starts_on), -- The first day that is not in it.
    receipts bigint NOT NULL CHECK (receipts >= 0),
    made_at timestamptz NOT NULL,
    PRIMARY KEY (period, starts_on)
);

CREATE TABLE period_line (
    period text NOT NULL,
    starts_on date NOT NULL,
    tenant text NOT NULL,
    mode text NOT NULL,
    about text NOT NULL,
    outcome text NOT NULL,
    asset text NOT NULL,
    exponent smallint NOT NULL,
    receipts bigint NOT NULL CHECK (receipts > 0),
    amount numeric NOT NULL,
    PRIMARY KEY (period, starts_on, tenant, mode, about, outcome, asset),
    FOREIGN KEY (period, starts_on) REFERENCES period_report (period, starts_on)
);

-- Whole minor units as major units.
CREATE FUNCTION major(minor numeric, exponent integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN round(minor / power(10::numeric, exponent), exponent);

-- The tables that the family's operators read.
CREATE VIEW reconciliation_receipts AS
SELECT
    'rcp_' || replace(s.receipt::text, '-', '') AS receipt_id,
    encode(s.digest, 'hex') AS digest,
    s.mode,
    s.tenant AS merchant,
    s.about,
    s.payment AS payment_id,
    nullif(s.refund, '') AS refund_id,
    s.outcome AS status,
    receipts.major(s.amount, s.exponent) AS amount,
    s.asset AS currency,
    s.provider,
    nullif(s.reference, '') AS psp_reference,
    s.signature,
    s.signed::json AS raw_payload,
    s.decided_at,
    s.stored_at AS created_at
FROM stored_receipt AS s;

CREATE VIEW reconciliation_reports AS
SELECT
    r.period,
    r.starts_on,
    r.ends_on - 1 AS ends_on,
    l.tenant AS merchant,
    l.mode,
    l.about,
    l.outcome AS status,
    l.asset AS currency,
    coalesce(l.receipts, 0) AS receipts,
    receipts.major(l.amount, l.exponent) AS amount,
    r.made_at AS created_at
FROM period_report AS r
LEFT JOIN period_line AS l ON l.period = r.period AND l.starts_on = r.starts_on;

GRANT SELECT, INSERT ON receipt, stored_receipt TO bezant_receipts;
GRANT SELECT, INSERT, DELETE ON disclosure TO bezant_receipts;
GRANT SELECT, INSERT, UPDATE ON preference TO bezant_receipts;
GRANT SELECT, INSERT, UPDATE ON period_report TO bezant_receipts;
GRANT SELECT, INSERT, DELETE ON period_line TO bezant_receipts;
GRANT SELECT ON reconciliation_receipts, reconciliation_reports TO bezant_receipts;

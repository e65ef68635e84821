-- Rules of routing and fees. An absent condition holds for all.

CREATE TABLE payments.routing_rule (
    number integer PRIMARY KEY,  -- Its place in the list, as it was given.
    place integer NOT NULL CHECK (place >= 0),
    provider text NOT NULL,
    weight integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0 AND 1000),
    tenant uuid,
    asset text,
    method smallint,
    country text,
    amount_min numeric(32, 0),
    amount_max numeric(32, 0),
    CHECK (asset IS NOT NULL OR (amount_min IS NULL AND amount_max IS NULL))
);

CREATE TABLE payments.fee_rule (
    number integer PRIMARY KEY,
    percent numeric(9, 6) NOT NULL CHECK (percent BETWEEN 0 AND 100),
    fixed numeric(32, 0) NOT NULL DEFAULT 0 CHECK (fixed >= 0),
    least numeric(32, 0) CHECK (least >= 0),
    most numeric(32, 0) CHECK (most >= 0),
    tenant uuid,
    asset text,
    method smallint,
    priority text NOT NULL DEFAULT '',
    CHECK (asset IS NOT NULL OR (fixed = 0 AND least IS NULL AND most IS NULL))
);

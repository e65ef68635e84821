-- Whose pages may show a merchant's checkout in a frame.

CREATE TABLE checkout_setting (
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    origins text[] NOT NULL CHECK (cardinality(origins) <= 20),
    PRIMARY KEY (tenant, mode)
);

GRANT SELECT, INSERT, UPDATE (origins) ON checkout_setting TO bezant_orders;

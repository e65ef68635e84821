-- Customers and the ways to pay they let us keep. Names and addresses stand here and nowhere else: erasing them here
-- erases them.

CREATE TABLE payments.customer (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    created_at timestamptz NOT NULL,
    live boolean NOT NULL,
    forgotten boolean NOT NULL DEFAULT false,
    name text,
    email text,
    metadata jsonb
);
CREATE INDEX customer_list ON payments.customer (tenant, live, id);
CREATE INDEX customer_email ON payments.customer (tenant, live, lower(email), id) WHERE email IS NOT NULL;

CREATE TABLE payments.method (
    id uuid PRIMARY KEY,
    customer uuid NOT NULL REFERENCES payments.customer,
    tenant uuid NOT NULL,
    created_at timestamptz NOT NULL,
    dropped_at timestamptz,
    kind smallint NOT NULL,
    live boolean NOT NULL,
    card text,
    label text,
    facts jsonb
);
CREATE INDEX method_customer ON payments.method (customer, id);

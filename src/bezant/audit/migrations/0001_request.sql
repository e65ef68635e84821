-- The request log: what developers look at when something was refused.
CREATE TABLE audit.request (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL CONSTRAINT request_once UNIQUE CHECK (length(id) BETWEEN 5 AND 64),
    at timestamptz NOT NULL,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    caller text NOT NULL,
    subject text NOT NULL,
    method text NOT NULL,
    route text NOT NULL,
    about text NOT NULL,
    status smallint NOT NULL CHECK (status BETWEEN 100 AND 599),
    microseconds integer NOT NULL CHECK (microseconds >= 0),
    address text NOT NULL,
    agent text NOT NULL,
    key text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL
);

CREATE INDEX request_tenant ON audit.request (tenant, mode, number DESC);
CREATE INDEX request_failed ON audit.request (tenant, mode, number DESC) WHERE status >= 400;
CREATE INDEX request_age ON audit.request USING brin (at);

GRANT SELECT, INSERT, DELETE ON audit.request TO bezant_audit;

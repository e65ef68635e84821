-- What providers tell of their own accord: events as received, and settlement files.

CREATE TABLE payments.arrival (
    id uuid PRIMARY KEY,
    stored_at timestamptz NOT NULL,
    due_at timestamptz,  -- When to act on it; absent: done.
    tries integer NOT NULL DEFAULT 0,
    live boolean NOT NULL,
    provider text NOT NULL,
    event text NOT NULL,  -- The provider's id of it: a second one with it is the same event.
    type text NOT NULL,
    note text,  -- What became of it.
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    UNIQUE (provider, live, event)
);
CREATE INDEX arrival_due ON payments.arrival (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX arrival_stored ON payments.arrival USING brin (stored_at);

CREATE TABLE payments.settlement (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    settled_at timestamptz NOT NULL,
    live boolean NOT NULL,
    provider text NOT NULL,
    result jsonb NOT NULL
);

-- A movement is settled once, in however many files it stands.
CREATE TABLE payments.settled_line (
    provider text NOT NULL,
    live boolean NOT NULL,
    line text NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (provider, live, line)
);

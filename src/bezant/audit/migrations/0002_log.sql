-- The transparency log. What was recorded is never changed: the module's role may insert and read, no more.

-- Which log this is: the name it signs under, for ever.
CREATE TABLE audit.log (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    origin text NOT NULL CHECK (length(origin) BETWEEN 3 AND 200),
    opened_at timestamptz NOT NULL
);

-- The leaves of the tree, as they are published: commitments, and nothing of what happened.
CREATE TABLE audit.entry (
    leaf bigint PRIMARY KEY CHECK (leaf >= 0),
    entry bytea NOT NULL CHECK (octet_length(entry) BETWEEN 52 AND 252),
    -- Kept, though it follows from the entry: where the two differ, the entry was changed.
    hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);

-- Full tiles: 256 hashes each, and their root. They follow from the entries and could be made again.
CREATE TABLE audit.tile (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    number bigint NOT NULL CHECK (number >= 0),
    nodes bytea NOT NULL CHECK (octet_length(nodes) = 8192),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (level, number)
);

-- What the leaves committed to. Erasing a person deletes rows here; the tree and every proof stay valid.
CREATE TABLE audit.opening (
    leaf bigint PRIMARY KEY,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    feed text NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    type text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    tenant text NOT NULL,
    subject text NOT NULL,
    occurred_at timestamptz NOT NULL,
    event text NOT NULL,  -- Exactly the text that was committed to.
    UNIQUE (feed, position)
);
CREATE INDEX opening_tenant ON audit.opening (tenant, mode, leaf DESC);
CREATE INDEX opening_subject ON audit.opening (subject, leaf DESC);

-- What was signed. Rows older than a day are thinned out to one an hour.
CREATE TABLE audit.checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL
);

-- What witnesses added to them.
CREATE TABLE audit.cosignature (
    size bigint NOT NULL REFERENCES audit.checkpoint (size) ON DELETE CASCADE,
    witness text NOT NULL,
    line text NOT NULL,
    witnessed_at timestamptz NOT NULL,
    PRIMARY KEY (size, witness)
);
CREATE INDEX cosignature_witness ON audit.cosignature (witness, size DESC);

-- The newest head of each book, as its feed told, and how far each thing was last verified.
CREATE TABLE audit.chain_head (
    book text PRIMARY KEY,
    batch bigint NOT NULL,
    hash text NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE TABLE audit.verification (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    reached bigint NOT NULL,
    fault text NOT NULL,
    verified_at timestamptz NOT NULL
);
CREATE INDEX verification_subject ON audit.verification (subject, number DESC);

GRANT SELECT, INSERT ON audit.log, audit.entry, audit.tile, audit.cosignature, audit.verification TO bezant_audit;
GRANT SELECT, INSERT, DELETE ON audit.opening, audit.checkpoint TO bezant_audit;
GRANT SELECT, INSERT, UPDATE ON audit.chain_head TO bezant_audit;

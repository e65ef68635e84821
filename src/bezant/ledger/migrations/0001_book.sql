-- The book. Every table here is insert-only, whoever asks: the module's role may only read and call the functions of
-- the next migration, which run as the owner and only ever insert.
--
-- Numbers: a transfer's id is its book's number shifted left by 40 bits plus its dense number in the book, and an
-- account's id is made the same way, so an id tells its book without a look-up.
-- Signs: credits are positive, debits negative. A transfer's amounts add up to zero, and so does a book.

CREATE TABLE ledger.book (
    id integer PRIMARY KEY CHECK (id BETWEEN 1 AND 8388607),
    asset text NOT NULL,
    exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 18),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    merchant_group text NOT NULL DEFAULT '',
    opened_at timestamptz NOT NULL,
    UNIQUE (asset, mode, merchant_group)
);

CREATE TABLE ledger.account (
    id bigint PRIMARY KEY,
    tenant uuid NOT NULL,  -- The nil uuid is the platform.
    type smallint NOT NULL CHECK (type BETWEEN 1 AND 5),
    owner text NOT NULL,
    chart text,  -- The name in the platform's chart of accounts; merchants' accounts have none.
    metadata jsonb
);
CREATE UNIQUE INDEX account_chart ON ledger.account ((id >> 40), chart, owner) WHERE chart IS NOT NULL;
CREATE INDEX account_owner ON ledger.account (tenant, owner, id);
CREATE SEQUENCE ledger.account_number AS bigint MAXVALUE 1099511627775;

CREATE TABLE ledger.transfer (
    id bigint PRIMARY KEY,
    idem uuid NOT NULL,  -- 128 bits of SHA-256 over tenant, mode and the client's id.
    request bigint NOT NULL,  -- 64 bits of SHA-256 over what was asked.
    one bigint NOT NULL,  -- The accounts, in the order of the legs.
    two bigint,
    kind smallint NOT NULL,
    more bigint[],
    subject bigint,  -- The transfer that is reversed, or the hold that is captured, voided or ended.
    occurred_at timestamptz,  -- Absent: when it was recorded, which its batch says.
    link uuid,
    reference text,
    reason text,
    metadata jsonb
);
CREATE UNIQUE INDEX transfer_idem ON ledger.transfer (idem);
CREATE INDEX transfer_reference ON ledger.transfer (hashtextextended(reference, 0))
WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX transfer_reversal ON ledger.transfer (subject) WHERE kind = 2;
CREATE INDEX transfer_hold ON ledger.transfer (subject) WHERE kind IN (4, 5, 6);
CREATE INDEX transfer_link ON ledger.transfer (link) WHERE link IS NOT NULL;

-- The last entry of an account is its whole state: nothing in the posting path is ever updated.
CREATE TABLE ledger.entry (
    account bigint NOT NULL,
    transfer bigint NOT NULL,
    amount numeric(32, 0) NOT NULL,
    balance numeric(32, 0) NOT NULL,  -- After this entry, as are the next three.
    held numeric(32, 0) NOT NULL CHECK (held >= 0),
    floor numeric(32, 0),  -- The natural way round; absent: none.
    state smallint NOT NULL,  -- 0 open, 1 frozen, 2 closed; plus 4 where debits make the account grow.
    PRIMARY KEY (account, transfer)
);
-- For the whole-book checks: rows are written in order, so a block index costs next to nothing.
CREATE INDEX entry_transfer ON ledger.entry USING brin (transfer int8_minmax_multi_ops);
CREATE INDEX transfer_occurred ON ledger.transfer (occurred_at) WHERE occurred_at IS NOT NULL;

CREATE TABLE ledger.hold (
    id bigint PRIMARY KEY,  -- The transfer that placed it.
    account bigint NOT NULL,
    payee bigint NOT NULL,
    amount numeric(32, 0) NOT NULL CHECK (amount > 0),
    expires_at timestamptz
);
CREATE INDEX hold_expires ON ledger.hold (expires_at) WHERE expires_at IS NOT NULL;

-- The last step of a hold is its state.
CREATE TABLE ledger.hold_step (
    hold bigint NOT NULL,
    transfer bigint NOT NULL,
    remaining numeric(32, 0) NOT NULL CHECK (remaining >= 0),
    PRIMARY KEY (hold, transfer)
);

-- One row a commit: the chain's links, and the ledger's feed.
CREATE SEQUENCE ledger.batch_ticket AS bigint;
CREATE TABLE ledger.batch (
    book integer NOT NULL REFERENCES ledger.book,
    id bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    recorded_at timestamptz NOT NULL,
    CHECK (first >> 40 = book AND last >> 40 = book),  -- A full book does not run over into the next one's numbers.
    -- Places the batch in the feed. The transaction has its number before it draws the ticket, as a feed's rows must.
    ticket bigint NOT NULL UNIQUE
    DEFAULT nextval(CASE WHEN pg_current_xact_id() IS NOT NULL THEN 'ledger.batch_ticket'::regclass END),
    PRIMARY KEY (book, first)
);
CREATE INDEX batch_recorded ON ledger.batch (book, recorded_at);

CREATE VIEW ledger.batch_event AS
SELECT
    b.ticket, encode(substr(b.hash, 1, 16), 'hex')::uuid AS id, 'transfers.recorded' AS type, 1 AS version,
    k.mode, 'platform' AS tenant, 'book_' || b.book AS subject, b.recorded_at AS occurred_at,
    json_build_object(
        'asset', k.asset, 'batch', b.id, 'first', 'tr_' || lpad(to_hex(b.first), 16, '0'),
        'last', 'tr_' || lpad(to_hex(b.last), 16, '0'), 'hash', encode(b.hash, 'hex')
    ) AS data
FROM ledger.batch AS b INNER JOIN ledger.book AS k ON k.id = b.book;

-- What was refused, so that a late repeat of the same request cannot succeed after its caller was told no.
-- No part of the book: rows are dropped after thirty days.
CREATE TABLE ledger.refusal (
    idem uuid PRIMARY KEY,
    request bigint NOT NULL,
    code smallint NOT NULL,
    account bigint,
    available numeric(34, 0),  -- A balance less a floor and holds: more digits than any of them.
    refused_at timestamptz NOT NULL
);
CREATE INDEX refusal_age ON ledger.refusal (refused_at);

ALTER TABLE ledger.entry SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_freeze_min_age = 0);
ALTER TABLE ledger.transfer SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_freeze_min_age = 0);
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO bezant_ledger;

-- How rows enter the hash chain. docs/reference/chain.md describes the same bytes for outsiders, and bezant-verify
-- recomputes them. Every field has a fixed length, says its own length (a numeric does), or enters as its SHA-256
-- behind a byte that says whether it is there, so two different rows never give the same bytes.
--
-- What calls a STABLE function is declared STABLE: PostgreSQL inlines no IMMUTABLE function with a STABLE body, and
-- a call costs sixteen times what the inlined expression does.

CREATE FUNCTION ledger.text_bytes(value text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN value IS NULL THEN '\x00'::bytea ELSE '\x01'::bytea || sha256(convert_to(value, 'UTF8')) END;

CREATE FUNCTION ledger.time_bytes(value timestamptz) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN value IS NULL THEN '\x00'::bytea ELSE '\x01'::bytea || timestamptz_send(value) END;

-- The hash before a book's first batch: what the book is kept in cannot be changed either.
CREATE FUNCTION ledger.genesis(
    id integer, asset text, exponent smallint, mode text, merchant_group text, opened_at timestamptz
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(
    convert_to('bezant ledger 1', 'UTF8') || int4send(id) || ledger.text_bytes(asset) || int2send(exponent)
    || ledger.text_bytes(mode) || ledger.text_bytes(merchant_group) || timestamptz_send(opened_at)
);

CREATE FUNCTION ledger.transfer_bytes(
    id bigint, idem uuid, request bigint, kind smallint, one bigint, two bigint, more bigint[], subject bigint,
    occurred_at timestamptz, link uuid, reference text, reason text, metadata jsonb
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN int8send(id) || uuid_send(idem) || int8send(request) || int2send(kind) || int8send(one)
    || int8send(coalesce(two, 0)) || ledger.text_bytes(more::text) || int8send(coalesce(subject, 0))
    || ledger.time_bytes(occurred_at)
    || CASE WHEN link IS NULL THEN '\x00'::bytea ELSE '\x01'::bytea || uuid_send(link) END
    || ledger.text_bytes(reference) || ledger.text_bytes(reason) || ledger.text_bytes(metadata::text);

CREATE FUNCTION ledger.entry_bytes(
    account bigint, transfer bigint, amount numeric, balance numeric, held numeric, floor numeric, state smallint
) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN int8send(account) || int8send(transfer) || numeric_send(amount) || numeric_send(balance)
    || numeric_send(held) || int2send(state)
    || CASE WHEN floor IS NULL THEN '\x00'::bytea ELSE '\x01'::bytea || numeric_send(floor) END;

CREATE FUNCTION ledger.account_bytes(
    id bigint, tenant uuid, type smallint, owner text, chart text, metadata jsonb
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN int8send(id) || uuid_send(tenant) || int2send(type) || ledger.text_bytes(owner)
    || ledger.text_bytes(chart) || ledger.text_bytes(metadata::text);

CREATE FUNCTION ledger.hold_bytes(
    id bigint, account bigint, payee bigint, amount numeric, expires_at timestamptz
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN int8send(id) || int8send(account) || int8send(payee) || numeric_send(amount)
    || ledger.time_bytes(expires_at);

CREATE FUNCTION ledger.step_bytes(hold bigint, transfer bigint, remaining numeric) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN int8send(hold) || int8send(transfer) || numeric_send(remaining);

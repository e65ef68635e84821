-- Beginning payments, many at a time: the key is recognised or recorded, and everything is stored that is about to be
-- said to a provider, before it is said. What was asked before is answered from what is stored: those are the rows
-- that come back.
--
-- Plans are made while the tables are young and kept; without `enable_seqscan = off` they would read whole tables.
CREATE FUNCTION payments.begin_batch(
    p_wait interval, c_at timestamptz[], c_request uuid[], c_fingerprint bigint[], c_payment uuid[], c_tenant uuid[],
    c_customer uuid[], c_state smallint[], c_method smallint[], c_exponent smallint[], c_live boolean[],
    c_captures boolean[], c_asset text[], c_amount numeric[], c_provider text[], c_card text[], c_order text[],
    c_details jsonb[], c_metadata jsonb[], c_why text[], c_answer bytea[]
)
RETURNS TABLE (request uuid, fingerprint bigint, subject uuid, answer bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    fresh uuid[];
BEGIN
    WITH asked AS (
        INSERT INTO payments.request AS r (id, subject, fingerprint, asked_at, answer)
        SELECT c.request, c.payment, c.fingerprint, c.at, c.answer
        FROM unnest(c_at, c_request, c_payment, c_fingerprint, c_answer)
        AS c (at, request, payment, fingerprint, answer)
        ORDER BY c.request
        ON CONFLICT (id) DO NOTHING
        RETURNING r.id
    )
    SELECT array_agg(a.id) INTO fresh FROM asked AS a;

    INSERT INTO payments.payment (
        id, tenant, customer, created_at, updated_at, state, attempts, charge, busy, method, exponent, live, captures,
        asset, amount, provider, card, order_id, details, metadata
    )
    SELECT
        c.payment, c.tenant, c.customer, c.at, c.at, c.state, n.number, n.number, n.number, c.method, c.exponent,
        c.live, c.captures, c.asset, c.amount, c.provider, c.card, c.ord, c.details, c.metadata
    FROM unnest(
        c_at, c_request, c_payment, c_tenant, c_customer, c_state, c_method, c_exponent, c_live, c_captures, c_asset,
        c_amount, c_provider, c_card, c_order, c_details, c_metadata
    ) AS c (
        at, request, payment, tenant, customer, state, method, exponent, live, captures, asset, amount, provider, card,
        ord, details, metadata
    )
    CROSS JOIN LATERAL (SELECT (c.state = 2)::integer::smallint AS number) AS n
    WHERE c.request = ANY(fresh);

    INSERT INTO payments.attempt (id, request, sent_at, operation, method, ends, amount, provider, card, why)
    SELECT payments.attempt_of(c.payment, 1), c.request, c.at, 1, c.method, true, c.amount, c.provider, c.card, c.why
    FROM unnest(c_at, c_request, c_payment, c_state, c_method, c_amount, c_provider, c_card, c_why)
    AS c (at, request, payment, state, method, amount, provider, card, why)
    WHERE c.state = 2 AND c.request = ANY(fresh);

    INSERT INTO payments.pending (attempt, due_at, state)
    SELECT payments.attempt_of(c.payment, 1), c.at + p_wait, 1
    FROM unnest(c_at, c_request, c_payment, c_state) AS c (at, request, payment, state)
    WHERE c.state = 2 AND c.request = ANY(fresh);

    INSERT INTO payments.step (payment, at, kind, state, attempt, authorized, captured, refunded, disputed)
    SELECT c.payment, c.at, 1, c.state, (c.state = 2)::integer, 0, 0, 0, 0
    FROM unnest(c_at, c_request, c_payment, c_state) AS c (at, request, payment, state)
    WHERE c.request = ANY(fresh);

    IF coalesce(cardinality(fresh), 0) < cardinality(c_request) THEN
        RETURN QUERY
        SELECT r.id, r.fingerprint, r.subject, r.answer
        FROM payments.request AS r
        WHERE r.id = ANY(c_request) AND NOT r.id = ANY(coalesce(fresh, '{}'));
    END IF;
END
$$;

-- Counted once, told honestly, forgotten for good.

-- By what name a provider knows the movement of money that a refund is, as soon as anybody has told it: no two refunds
-- are the same movement, not even of two payments. One that was rejected has moved nothing and lets go of its name.
ALTER TABLE payments.refund ADD COLUMN provider text, ADD COLUMN movement text;
UPDATE payments.refund AS r
SET provider = named.provider, movement = named.movement
FROM (
    SELECT DISTINCT ON (p.provider, n.live, coalesce(o.part, w.part, n.sent))
        n.id, p.provider, coalesce(o.part, w.part, n.sent) AS movement
    FROM payments.refund AS n
    INNER JOIN payments.payment AS p ON p.id = n.payment
    LEFT JOIN payments.outcome AS o ON n.attempt > 0 AND o.attempt = payments.attempt_of(n.payment, n.attempt)
    LEFT JOIN payments.pending AS w ON n.attempt > 0 AND w.attempt = payments.attempt_of(n.payment, n.attempt)
    WHERE n.state <> 6 AND length(coalesce(o.part, w.part, n.sent)) BETWEEN 1 AND 500
    ORDER BY p.provider, n.live, coalesce(o.part, w.part, n.sent), n.created_at
) AS named
WHERE r.id = named.id;
CREATE UNIQUE INDEX refund_movement ON payments.refund (provider, live, movement)
WHERE movement IS NOT NULL AND state <> 6;

-- What is asked for, and waits for somebody's agreement. `payment.refunded` holds it back with the rest, so that it is
-- not given twice; told is only what was decided.
CREATE FUNCTION payments.awaiting(payment uuid) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(sum(r.amount), 0) FROM payments.refund AS r WHERE r.payment = awaiting.payment AND r.state = 1
);
REVOKE EXECUTE ON FUNCTION payments.awaiting(uuid) FROM public;
GRANT EXECUTE ON FUNCTION payments.awaiting(uuid) TO bezant_payments;

-- The same for who has waited for a payment's lock: the payment is read as it stands by now, and so are its refunds,
-- because what is volatile looks anew. What is stable would still see them as they were when the wait began.
CREATE FUNCTION payments.awaiting_now(payment uuid) RETURNS numeric
LANGUAGE sql VOLATILE
RETURN (
    SELECT coalesce(sum(r.amount), 0) FROM payments.refund AS r WHERE r.payment = awaiting_now.payment AND r.state = 1
);
REVOKE EXECUTE ON FUNCTION payments.awaiting_now(uuid) FROM public;
GRANT EXECUTE ON FUNCTION payments.awaiting_now(uuid) TO bezant_payments;

CREATE OR REPLACE VIEW payments.payments AS
SELECT
    'pay_' || replace(p.id::text, '-', '') AS id,
    CASE WHEN p.live THEN 'live' ELSE 'test' END AS mode,
    'mer_' || replace(p.tenant::text, '-', '') AS merchant,
    payments.decimal(p.amount, p.exponent)::numeric AS amount,
    p.asset AS currency,
    payments.name_of(
        'created processing needs_action unknown authorized partly_captured succeeded declined voided expired failed',
        p.state
    ) AS status,
    CASE WHEN c.forgotten THEN 'redacted@example.com' ELSE c.email END AS customer_email,
    CASE WHEN c.forgotten THEN 'Redacted' ELSE c.name END AS customer_name,
    'cus_' || replace(p.customer::text, '-', '') AS customer_id,
    p.order_id,
    p.provider,
    o.reference AS psp_reference,
    payments.decimal(p.captured, p.exponent)::numeric AS captured_amount,
    payments.decimal(
        CASE WHEN p.refunded > 0 THEN p.refunded - payments.awaiting(p.id) ELSE 0 END, p.exponent
    )::numeric AS refunded_amount,
    p.created_at,
    p.updated_at
FROM payments.payment AS p
LEFT JOIN payments.customer AS c ON c.id = p.customer
LEFT JOIN payments.outcome AS o ON p.charge > 0 AND o.attempt = payments.attempt_of(p.id, p.charge);


-- A payment that begins while its customer is being forgotten is told to have a payer who is.
CREATE OR REPLACE FUNCTION payments.begin_batch(
    p_wait interval, c_at timestamptz[], c_request uuid[], c_fingerprint bigint[], c_payment uuid[], c_tenant uuid[],
    c_customer uuid[], c_state smallint[], c_method smallint[], c_exponent smallint[], c_live boolean[],
    c_captures boolean[], c_asset text[], c_amount numeric[], c_provider text[], c_card text[], c_order text[],
    c_details jsonb[], c_metadata jsonb[], c_why text[], c_answer bytea[], c_trace uuid[]
)
RETURNS TABLE (request uuid, fingerprint bigint, subject uuid, answer bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    fresh uuid[];
    gone uuid[];
BEGIN
    IF array_remove(c_customer, NULL) <> '{}' THEN
        -- Whoever forgets a customer waits for these payments, or they see that it is forgotten.
        SELECT array_agg(k.id) FILTER (WHERE k.forgotten) INTO gone
        FROM (
            SELECT c.id, c.forgotten FROM payments.customer AS c
            WHERE c.id = ANY(c_customer)
            ORDER BY c.id
            FOR KEY SHARE
        ) AS k;  -- All of them are locked: what is asked for outside is not asked for inside.
    END IF;

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

    INSERT INTO payments.step (payment, at, kind, state, attempt, authorized, captured, refunded, disputed, trace)
    SELECT c.payment, c.at, 1, c.state, (c.state = 2)::integer, 0, 0, 0, 0, c.trace
    FROM unnest(c_at, c_request, c_payment, c_state, c_trace) AS c (at, request, payment, state, trace)
    WHERE c.request = ANY(fresh);

    IF gone IS NOT NULL THEN
        INSERT INTO payments.step (payment, at, kind, state, attempt, authorized, captured, refunded, disputed, trace)
        SELECT c.payment, c.at, 13, c.state, 0, 0, 0, 0, 0, c.trace
        FROM unnest(c_at, c_request, c_payment, c_customer, c_state, c_trace)
        AS c (at, request, payment, customer, state, trace)
        WHERE c.request = ANY(fresh) AND c.customer = ANY(gone);
    END IF;

    IF coalesce(cardinality(fresh), 0) < cardinality(c_request) THEN
        RETURN QUERY
        SELECT r.id, r.fingerprint, r.subject, r.answer
        FROM payments.request AS r
        WHERE r.id = ANY(c_request) AND NOT r.id = ANY(coalesce(fresh, '{}'));
    END IF;
END
$$;

-- A step tells of the refunds that were decided.
CREATE OR REPLACE FUNCTION payments.settle_batch(
    c_at timestamptz[], c_attempt uuid[], c_payment uuid[], c_result smallint[], c_decline smallint[], c_soft boolean[],
    c_moved numeric[], c_cost numeric[], c_payer jsonb[], c_reference text[], c_part text[], c_digest bytea[],
    c_raw text[],
    c_state smallint[], c_kind smallint[], c_authorized numeric[], c_captured numeric[], c_fee numeric[],
    c_expires timestamptz[], c_refused integer[], c_answer bytea[], c_trace uuid[]
)
RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    fresh uuid[];
BEGIN
    WITH settled AS (
        INSERT INTO payments.outcome AS o (
            attempt, settled_at, result, decline, soft, amount, cost, fee, payer, reference, part, digest, raw
        )
        SELECT
            c.attempt, c.at, c.result, c.decline, c.soft, c.moved, c.cost, nullif(c.fee, 0), c.payer, c.reference,
            c.part, c.digest, c.raw
        FROM unnest(
            c_at, c_attempt, c_result, c_decline, c_soft, c_moved, c_cost, c_fee, c_payer, c_reference, c_part,
            c_digest, c_raw
        ) AS c (at, attempt, result, decline, soft, moved, cost, fee, payer, reference, part, digest, raw)
        ORDER BY c.attempt
        ON CONFLICT (attempt) DO NOTHING
        RETURNING o.attempt
    )
    SELECT array_agg(s.attempt) INTO fresh FROM settled AS s;
    IF fresh IS NULL THEN
        RETURN;
    END IF;

    WITH changed AS (
        UPDATE payments.payment AS p
        SET
            state = c.state, updated_at = c.at, busy = 0, authorized = p.authorized + c.authorized,
            captured = p.captured + c.captured, fee = p.fee + c.fee, expires_at = c.expires
        FROM unnest(c_at, c_attempt, c_payment, c_state, c_authorized, c_captured, c_fee, c_expires)
        AS c (at, attempt, payment, state, authorized, captured, fee, expires)
        WHERE p.id = c.payment AND c.attempt = ANY(fresh)
        RETURNING p.id, p.updated_at, p.state, p.authorized, p.captured, p.refunded, p.disputed
    )
    INSERT INTO payments.step (
        payment, at, kind, state, attempt, authorized, captured, refunded, disputed, amount, trace
    )
    SELECT
        p.id, p.updated_at, c.kind, p.state, get_byte(uuid_send(c.attempt), 15), p.authorized, p.captured,
        CASE WHEN p.refunded > 0 THEN p.refunded - payments.awaiting_now(p.id) ELSE 0 END, p.disputed,
        nullif(c.captured, 0), c.trace
    FROM changed AS p
    INNER JOIN unnest(c_attempt, c_payment, c_kind, c_captured, c_trace)
    AS c (attempt, payment, kind, captured, trace)
        ON c.payment = p.id
    WHERE c.attempt = ANY(fresh);

    DELETE FROM payments.pending AS w
    USING unnest(c_attempt, c_refused) AS c (attempt, refused)
    WHERE w.attempt = c.attempt AND c.refused IS NULL AND c.attempt = ANY(fresh);
    IF array_remove(c_refused, NULL) <> '{}' THEN
        -- Not in the book: it goes on being somebody's work. So often the book has refused it.
        INSERT INTO payments.pending AS w (attempt, due_at, asked, state)
        SELECT c.attempt, c.at, c.refused, 4
        FROM unnest(c_at, c_attempt, c_refused) AS c (at, attempt, refused)
        WHERE c.refused IS NOT NULL AND c.attempt = ANY(fresh)
        ON CONFLICT (attempt) DO UPDATE SET
            due_at = excluded.due_at, asked = excluded.asked, state = 4, fence = w.fence + 1;
    END IF;

    UPDATE payments.request AS r
    SET answer = c.answer
    FROM unnest(c_attempt, c_answer) AS c (attempt, answer)
    INNER JOIN payments.attempt AS a ON a.id = c.attempt
    WHERE r.id = a.request AND r.answer IS NULL AND c.answer IS NOT NULL AND c.attempt = ANY(fresh);

    RETURN QUERY SELECT unnest(fresh);
END
$$;

-- Somebody looks whether any of them still has a saved way to pay.
CREATE INDEX customer_forgotten ON payments.customer (id) WHERE forgotten;

-- What a payment is for may name its payer: nobody is told it of one who is forgotten.
CREATE OR REPLACE VIEW payments.step_event AS
SELECT
    s.ticket,
    encode(substr(sha256(int8send(s.ticket) || uuid_send(s.payment)), 1, 16), 'hex')::uuid AS id,
    CASE
        WHEN s.kind < 20 THEN 'payment.' || payments.name_of(
            'created processing needs_action unknown authorized captured declined voided expired failed retried '
            'step_failed payer_forgotten', s.kind
        )
        WHEN s.kind < 40
            THEN 'refund.' || payments.name_of(
                'created approved rejected unknown succeeded failed came_back', s.kind - 20
            )
        ELSE 'dispute.' || payments.name_of('opened under_review won lost', s.kind - 40)
    END AS type,
    1 AS version,
    CASE WHEN p.live THEN 'live' ELSE 'test' END AS mode,
    'mer_' || replace(p.tenant::text, '-', '') AS tenant,
    CASE
        WHEN s.kind < 20 THEN 'pay_' || replace(s.payment::text, '-', '')
        WHEN s.kind < 40 THEN 're_' || replace(s.subject::text, '-', '')
        ELSE 'dp_' || replace(s.subject::text, '-', '')
    END AS subject,
    s.at AS occurred_at,
    json_strip_nulls(json_build_object(
        'object', CASE WHEN s.kind < 20 THEN 'payment' WHEN s.kind < 40 THEN 'refund' ELSE 'dispute' END,
        'id', CASE
            WHEN s.kind < 20 THEN 'pay_' || replace(s.payment::text, '-', '')
            WHEN s.kind < 40 THEN 're_' || replace(s.subject::text, '-', '')
            ELSE 'dp_' || replace(s.subject::text, '-', '')
        END,
        'payment', 'pay_' || replace(s.payment::text, '-', ''),
        'state', CASE
            WHEN s.kind < 20 THEN payments.name_of(
                'created processing needs_action unknown authorized partly_captured succeeded declined voided expired '
                'failed', s.state
            )
            WHEN s.kind < 40 THEN payments.name_of(
                'needs_approval processing unknown succeeded failed rejected', s.state
            )
            ELSE payments.name_of('opened under_review won lost', s.state)
        END,
        'amount', payments.money(CASE WHEN s.kind < 20 THEN p.amount ELSE s.amount END, p.exponent, p.asset),
        'part', CASE WHEN s.kind = 6 THEN payments.money(s.amount, p.exponent, p.asset) END,
        'authorized', payments.money(s.authorized, p.exponent, p.asset),
        'captured', payments.money(s.captured, p.exponent, p.asset),
        'refunded', payments.money(s.refunded, p.exponent, p.asset),
        'disputed', payments.money(s.disputed, p.exponent, p.asset),
        'method', payments.name_of('card bank_account bank_transfer paypal crypto', p.method),
        'capture', p.captures,
        'customer', 'cus_' || replace(p.customer::text, '-', ''),
        'order', p.order_id,
        'description', CASE
            WHEN p.customer IS NULL OR NOT coalesce((
                SELECT c.forgotten FROM payments.customer AS c WHERE c.id = p.customer
            ), false) THEN p.details ->> 'description'
        END,
        'metadata', p.metadata,
        'attempt', CASE
            WHEN s.attempt > 0
                THEN 'att_' || replace(payments.attempt_of(s.payment, s.attempt)::text, '-', '')
        END,
        'provider', a.provider,
        'reference', o.reference,
        'declined', payments.name_of(
            'authentication_failed authentication_required card_declined do_not_honor expired_card fraud_suspected '
            'incorrect_cvc incorrect_number insufficient_funds limit_exceeded lost_or_stolen method_not_supported '
            'payer_cancelled processing_error returned try_again_later other', o.decline
        ),
        'created_at', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'trace_id', replace(s.trace::text, '-', '')
    )) AS data
FROM payments.step AS s
LEFT JOIN payments.payment AS p ON p.id = s.payment
LEFT JOIN payments.attempt AS a ON a.id = payments.attempt_of(s.payment, s.attempt)
LEFT JOIN payments.outcome AS o ON o.attempt = payments.attempt_of(s.payment, s.attempt);

-- Each is changed once, soon after it was made, to its full size: there is room for that beside it, and no index has to
-- be told.
ALTER TABLE payments.request SET (fillfactor = 33);
ALTER TABLE payments.payment SET (fillfactor = 46);

-- How charges, captures and voids ended, many at a time. Whoever writes an outcome first has settled the attempt: the
-- attempts that come back. All others find it settled and change nothing, so an answer, an event and a question about
-- the same charge may arrive in any order, and as often as they like.
CREATE FUNCTION payments.settle_batch(
    c_at timestamptz[], c_attempt uuid[], c_payment uuid[], c_result smallint[], c_decline smallint[], c_soft boolean[],
    c_moved numeric[], c_cost numeric[], c_payer jsonb[], c_reference text[], c_part text[], c_digest bytea[],
    c_raw text[],
    c_state smallint[], c_kind smallint[], c_authorized numeric[], c_captured numeric[], c_fee numeric[],
    c_expires timestamptz[], c_refused integer[], c_answer bytea[]
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
        payment, at, kind, state, attempt, authorized, captured, refunded, disputed, amount
    )
    SELECT
        p.id, p.updated_at, c.kind, p.state, get_byte(uuid_send(c.attempt), 15), p.authorized, p.captured, p.refunded,
        p.disputed, nullif(c.captured, 0)
    FROM changed AS p
    INNER JOIN unnest(c_attempt, c_payment, c_kind, c_captured) AS c (attempt, payment, kind, captured)
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

-- A step that was thought dead and is heard of after all: money is a fact, whatever we believed. Nothing else may
-- change an outcome, and nothing turns a yes into a no.
CREATE FUNCTION payments.overrule(
    p_attempt uuid, p_at timestamptz, p_result smallint, p_moved numeric, p_fee numeric, p_reference text, p_part text,
    p_digest bytea
)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp
AS $$
BEGIN
    UPDATE payments.outcome
    SET
        settled_at = p_at, result = p_result, decline = NULL, soft = NULL, raw = NULL, amount = p_moved, fee = p_fee,
        reference = p_reference, part = p_part, digest = p_digest
    WHERE attempt = p_attempt AND result IN (3, 5, 6, 7) AND p_result IN (1, 2, 4);
    RETURN found;
END
$$;

-- Limits: how much a merchant may take at once, in a day and in a month of UTC.
--
-- What was taken is counted in one row for each merchant, mode, asset, way to pay and period. Only a payment that
-- begins locks such a row, and adds itself to it if there is room. What becomes of a payment later is noted beside it
-- (`limit_change`) and added by whoever begins next: so no provider's answer ever waits for a limit, and nothing here
-- locks rows in two orders.
CREATE TABLE payments.limit_rule (
    number integer PRIMARY KEY,  -- Its place in the list, as it was given.
    tenant uuid,  -- Absent: every merchant, each with room of their own.
    live boolean,  -- Absent: both modes, each with room of its own.
    asset text NOT NULL,
    method smallint,  -- Absent: all of them together.
    per_payment numeric(32, 0) CHECK (per_payment >= 0),
    per_day numeric(32, 0) CHECK (per_day >= 0),
    per_month numeric(32, 0) CHECK (per_month >= 0),
    CHECK (num_nonnulls(per_payment, per_day, per_month) > 0),
    UNIQUE NULLS NOT DISTINCT (tenant, live, asset, method)
);

CREATE TABLE payments.limit_use (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    live boolean NOT NULL,
    asset text NOT NULL,
    method smallint NOT NULL,  -- 0: all of them together.
    span smallint NOT NULL CHECK (span IN (1, 2)),  -- 1: a day, 2: a month.
    begins_on date NOT NULL,
    used numeric(40, 0) NOT NULL DEFAULT 0 CHECK (used >= 0),
    UNIQUE (tenant, live, asset, method, span, begins_on)
);
CREATE INDEX limit_use_begins ON payments.limit_use (begins_on);

-- How much of which period a payment takes up.
CREATE TABLE payments.limit_taken (
    payment uuid NOT NULL,
    use bigint NOT NULL REFERENCES payments.limit_use ON DELETE CASCADE,
    amount numeric(32, 0) NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (payment, use)
);
CREATE INDEX limit_taken_use ON payments.limit_taken (use);

CREATE TABLE payments.limit_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use bigint NOT NULL REFERENCES payments.limit_use ON DELETE CASCADE,
    change numeric(32, 0) NOT NULL
);
CREATE INDEX limit_change_use ON payments.limit_change (use);

GRANT SELECT, INSERT, DELETE ON payments.limit_rule TO bezant_payments;
GRANT SELECT, DELETE ON payments.limit_use TO bezant_payments;
GRANT SELECT ON payments.limit_taken, payments.limit_change TO bezant_payments;

-- Absent where no limit is about a payment: then it costs nothing.
ALTER TABLE payments.payment ADD COLUMN limited boolean;

-- Take room for a payment in every one of these periods, or in none: then comes back which one is too full, and how
-- much of it is used. Room that an earlier try of the same payment took is given back first.
CREATE FUNCTION payments.take_room(
    p_payment uuid, p_tenant uuid, p_live boolean, p_asset text, p_amount numeric, c_method smallint[],
    c_span smallint[], c_begins date[], c_most numeric[]
)
RETURNS TABLE (place bigint, used numeric)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp
AS $$
DECLARE
    uses bigint[];
BEGIN
    INSERT INTO payments.limit_use (tenant, live, asset, method, span, begins_on)
    SELECT p_tenant, p_live, p_asset, c.method, c.span, c.begins
    FROM unnest(c_method, c_span, c_begins) AS c (method, span, begins)
    ORDER BY c.method, c.span, c.begins
    ON CONFLICT DO NOTHING;

    SELECT array_agg(k.id) INTO uses
    FROM (
        SELECT u.id FROM payments.limit_use AS u
        INNER JOIN unnest(c_method, c_span, c_begins) AS c (method, span, begins)
            ON u.method = c.method AND u.span = c.span AND u.begins_on = c.begins
        WHERE u.tenant = p_tenant AND u.live = p_live AND u.asset = p_asset
        ORDER BY u.id
        FOR NO KEY UPDATE OF u
    ) AS k;  -- Held until the end: whoever comes next sees what this one takes.

    WITH gone AS (
        DELETE FROM payments.limit_taken AS t WHERE t.payment = p_payment RETURNING t.use, t.amount
    )
    INSERT INTO payments.limit_change (use, change)
    SELECT g.use, -g.amount FROM gone AS g WHERE g.amount > 0;

    WITH gone AS (
        DELETE FROM payments.limit_change AS n WHERE n.use = ANY(uses) RETURNING n.use, n.change
    )
    UPDATE payments.limit_use AS u
    SET used = u.used + g.change
    FROM (SELECT n.use, sum(n.change) AS change FROM gone AS n GROUP BY n.use) AS g
    WHERE u.id = g.use;

    RETURN QUERY
    SELECT c.place, u.used
    FROM unnest(c_method, c_span, c_begins, c_most) WITH ORDINALITY AS c (method, span, begins, most, place)
    INNER JOIN payments.limit_use AS u
        ON u.id = ANY(uses) AND u.method = c.method AND u.span = c.span AND u.begins_on = c.begins
    WHERE u.used + p_amount > c.most
    ORDER BY c.place
    LIMIT 1;
    IF found THEN
        RETURN;
    END IF;

    UPDATE payments.limit_use AS u SET used = u.used + p_amount WHERE u.id = ANY(uses);
    INSERT INTO payments.limit_taken (payment, use, amount)
    SELECT p_payment, u.id, p_amount FROM unnest(uses) AS u (id);
    UPDATE payments.payment AS p SET limited = true WHERE p.id = p_payment AND p.limited IS NULL;
END
$$;

-- A payment takes up what it may still become, then what it became: nothing once it was declined, let go, run out or
-- never sent; what was captured once it succeeded. Money that is heard of late takes up room like any other, there or
-- not: it is a fact.
CREATE FUNCTION payments.note_room() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp
AS $$
DECLARE
    takes numeric := CASE
        WHEN new.state IN (1, 8, 9, 10, 11) THEN 0
        WHEN new.state = 7 THEN new.captured
        ELSE new.amount
    END;
BEGIN
    WITH before AS (
        SELECT t.use, t.amount FROM payments.limit_taken AS t WHERE t.payment = new.id AND t.amount <> takes
    ),

    after AS (
        UPDATE payments.limit_taken AS t SET amount = takes
        FROM before AS b
        WHERE t.payment = new.id AND t.use = b.use
        RETURNING t.use, takes - b.amount AS change
    )
    INSERT INTO payments.limit_change (use, change)
    SELECT a.use, a.change FROM after AS a;
    RETURN NULL;
END
$$;
CREATE TRIGGER payment_room AFTER UPDATE OF state, captured ON payments.payment FOR EACH ROW
WHEN (new.limited AND (old.state, old.captured) <> (new.state, new.captured))
EXECUTE FUNCTION payments.note_room();

REVOKE EXECUTE ON FUNCTION payments.take_room(
    uuid, uuid, boolean, text, numeric, smallint[], smallint[], date[], numeric[]
) FROM public;
REVOKE EXECUTE ON FUNCTION payments.note_room() FROM public;
GRANT EXECUTE ON FUNCTION payments.take_room(
    uuid, uuid, boolean, text, numeric, smallint[], smallint[], date[], numeric[]
) TO bezant_payments;

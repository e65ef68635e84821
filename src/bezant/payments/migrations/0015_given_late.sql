-- A refund that was given up and was given after all has an ending of its own (9): its giving up is in the book, so it
-- is booked otherwise than one that was given at once, and whoever finds it not booked has to know that.
CREATE OR REPLACE FUNCTION payments.overrule(
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
    WHERE attempt = p_attempt AND result IN (3, 5, 6, 7) AND p_result IN (1, 2, 4, 9);
    RETURN found;
END
$$;

CREATE OR REPLACE FUNCTION payments.came_back(p_attempt uuid, p_at timestamptz, p_digest bytea, p_raw text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp
AS $$
BEGIN
    UPDATE payments.outcome
    SET settled_at = p_at, result = 8, raw = p_raw, digest = coalesce(p_digest, digest)
    WHERE attempt = p_attempt AND result IN (4, 9);
    RETURN found;
END
$$;

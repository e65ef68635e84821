-- Refunds that come back after they were given, and refunds that were made at the provider itself.

-- A refund that was given and came back: its outcome says so, and nothing overrules it.
CREATE FUNCTION payments.came_back(p_attempt uuid, p_at timestamptz, p_digest bytea, p_raw text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = payments, pg_temp
AS $$
BEGIN
    UPDATE payments.outcome
    SET settled_at = p_at, result = 8, raw = p_raw, digest = coalesce(p_digest, digest)
    WHERE attempt = p_attempt AND result = 4;
    RETURN found;
END
$$;
REVOKE EXECUTE ON FUNCTION payments.came_back(uuid, timestamptz, bytea, text) FROM public;
GRANT EXECUTE ON FUNCTION payments.came_back(uuid, timestamptz, bytea, text) TO bezant_payments;

-- Providers tell of a capture or a refund by its own name.
CREATE INDEX outcome_part ON payments.outcome (hashtextextended(part, 0)) WHERE part IS NOT NULL;

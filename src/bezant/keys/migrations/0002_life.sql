-- Keys that are replaced by themselves, data keys of one owner and month, and who used what.

ALTER TABLE logical_key
ADD COLUMN rotate_days integer NOT NULL DEFAULT 0 CHECK (rotate_days BETWEEN 0 AND 3650),
ADD COLUMN publish_seconds integer NOT NULL DEFAULT 0
CHECK (publish_seconds BETWEEN 0 AND 2592000),
ADD COLUMN destroy_days integer NOT NULL DEFAULT 0 CHECK (destroy_days BETWEEN 0 AND 3650);

-- Whoever verifies must learn of a new key first: signing keys wait until somebody plans for them.
UPDATE logical_key
SET
    rotate_days = CASE purpose WHEN 'seal' THEN 90 WHEN 'sign' THEN 0 ELSE 365 END,
    publish_seconds = CASE purpose WHEN 'mac' THEN 60 ELSE 0 END;

ALTER TABLE key_version
ADD COLUMN not_before timestamptz,
ADD COLUMN not_after timestamptz,
ADD COLUMN made_here boolean,
ADD COLUMN extractable boolean;

UPDATE key_version
SET
    not_before = created_at,
    not_after = CASE WHEN state IN ('verify_only', 'decrypt_only') THEN changed_at END;

-- One version waits to take over, not several.
CREATE UNIQUE INDEX key_version_one_pending ON key_version (name)
WHERE state = 'pending';

-- The key that seals what belongs to one owner in one month: erasing it erases all of that.
CREATE TABLE data_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kid text NOT NULL UNIQUE CHECK (length(kid) BETWEEN 3 AND 80),
    name text NOT NULL REFERENCES logical_key (name),
    owner text NOT NULL CHECK (length(owner) BETWEEN 1 AND 80),
    month text NOT NULL CHECK (month ~ '^[0-9]{4}-[0-9]{2}$'),
    wrapped_by text NOT NULL REFERENCES key_version (kid),
    wrapped_key bytea,
    created_at timestamptz NOT NULL,
    shredded_at timestamptz,
    CHECK ((wrapped_key IS NULL) = (shredded_at IS NOT NULL))
);

CREATE UNIQUE INDEX data_key_of_month ON data_key (name, owner, month)
WHERE wrapped_key IS NOT NULL;

CREATE INDEX data_key_wrapped_by ON data_key (wrapped_by)
WHERE wrapped_key IS NOT NULL;

CREATE TRIGGER data_key_wrapper_lives
BEFORE INSERT OR UPDATE OF wrapped_by ON data_key
FOR EACH ROW EXECUTE FUNCTION refuse_destroyed_wrapper();

CREATE FUNCTION rewrap_data_key(
    of_kid text, from_kid text, to_kid text, new_wrapped_key bytea
) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = keys, pg_temp AS $$
    UPDATE data_key
    SET wrapped_by = to_kid, wrapped_key = new_wrapped_key
    WHERE kid = of_kid AND wrapped_by = from_kid AND wrapped_key IS NOT NULL
    RETURNING true
$$;

-- Shredding empties the rows; that they were there, and when they ended, stays.
CREATE FUNCTION shred_data_keys(of_name text, of_owner text, at timestamptz)
RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = keys, pg_temp AS $$
    UPDATE data_key
    SET wrapped_key = NULL, shredded_at = at
    WHERE name = of_name AND owner = of_owner AND wrapped_key IS NOT NULL
    RETURNING kid
$$;

-- As before, and: a key that still wraps data keys of an owner is not destroyed either, and the
-- times between which a version does new work are kept.
CREATE OR REPLACE FUNCTION apply_key_transition() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = keys, pg_temp AS $$
BEGIN
    IF new.state_before IS NULL THEN
        RETURN new;
    END IF;
    -- Waits for whoever is just wrapping a key under this one.
    PERFORM FROM key_version WHERE kid = new.kid FOR UPDATE;
    IF new.state_after = 'destroyed' AND (
        EXISTS (SELECT FROM key_version WHERE wrapped_by = new.kid AND wrapped_key IS NOT NULL)
        OR EXISTS (SELECT FROM data_key WHERE wrapped_by = new.kid AND wrapped_key IS NOT NULL)
    ) THEN
        RAISE EXCEPTION 'key % still wraps others', new.kid
        USING ERRCODE = 'check_violation', CONSTRAINT = 'key_still_wraps';
    END IF;
    UPDATE key_version
    SET
        state = new.state_after,
        changed_at = new.occurred_at,
        not_before = CASE
            WHEN new.state_after = 'active' THEN new.occurred_at ELSE not_before
        END,
        not_after = CASE
            WHEN new.state_before = 'active' THEN new.occurred_at ELSE not_after
        END,
        wrapped_key = CASE WHEN new.state_after = 'destroyed' THEN NULL ELSE wrapped_key END
    WHERE kid = new.kid AND state = new.state_before;
    IF NOT found THEN
        RAISE EXCEPTION 'key % is not %', new.kid, new.state_before
        USING ERRCODE = 'check_violation', CONSTRAINT = 'key_state_before';
    END IF;
    RETURN new;
END $$;

-- Who used which key for what, a line for each caller, key and use in about a second.
CREATE TABLE access (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    process text NOT NULL,
    caller text NOT NULL,
    use text NOT NULL CHECK (use IN ('login', 'sign', 'hash', 'seal', 'open', 'unwrap')),
    key text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    times bigint NOT NULL CHECK (times > 0),
    CHECK (first_at <= last_at)
);

CREATE INDEX access_key ON access (key, id);
CREATE INDEX access_alarm ON access (id) WHERE outcome <> 'done';
CREATE INDEX access_last_at ON access (last_at);

-- PCI DSS 10.5.1 asks for twelve months; whoever calls this cannot make it forget sooner.
CREATE FUNCTION forget_access(older_than timestamptz, limit_rows integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = keys, pg_temp AS $$
    WITH gone AS (
        DELETE FROM access
        WHERE id IN (
            SELECT id FROM access
            WHERE
                last_at < older_than
                AND last_at < (SELECT max(newest.last_at) FROM access AS newest)
                - interval '365 days'
            ORDER BY last_at
            LIMIT limit_rows
        )
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION rewrap_data_key(text, text, text, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION shred_data_keys(text, text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION forget_access(timestamptz, integer) FROM PUBLIC;

GRANT UPDATE (rotate_days, publish_seconds, destroy_days) ON logical_key TO bezant_keys;
GRANT INSERT (not_before, made_here, extractable) ON key_version TO bezant_keys;
GRANT SELECT ON data_key TO bezant_keys;
GRANT INSERT (
    kid, name, owner, month, wrapped_by, wrapped_key, created_at
) ON data_key TO bezant_keys;
GRANT SELECT, INSERT ON access TO bezant_keys;
GRANT EXECUTE ON FUNCTION rewrap_data_key(text, text, text, bytea) TO bezant_keys;
GRANT EXECUTE ON FUNCTION shred_data_keys(text, text, timestamptz) TO bezant_keys;
GRANT EXECUTE ON FUNCTION forget_access(timestamptz, integer) TO bezant_keys;

-- The key registry: names, versions, and every step in a version's life. No key lies in the open.

CREATE TABLE logical_key (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,39}$'),
    purpose text NOT NULL CHECK (purpose IN ('sign', 'mac', 'seal', 'wrap')),
    spec text NOT NULL,
    wrapped boolean NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE key_version (
    kid text PRIMARY KEY CHECK (length(kid) BETWEEN 3 AND 80),
    name text NOT NULL REFERENCES logical_key (name),
    version integer NOT NULL CHECK (version > 0),
    state text NOT NULL DEFAULT 'pending'
    CHECK (state IN ('pending', 'active', 'verify_only', 'decrypt_only', 'destroyed')),
    provider text,
    provider_ref text,
    public_key bytea,
    wrapped_by text REFERENCES key_version (kid),
    wrapped_key bytea,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT key_version_number UNIQUE (name, version),
    -- A key lies with a provider or here under another key, never both; destroyed, it lies nowhere.
    CHECK ((provider IS NULL) = (provider_ref IS NULL)),
    CHECK ((provider IS NULL) <> (wrapped_by IS NULL)),
    CHECK (
        wrapped_key IS NULL
        OR (wrapped_by IS NOT NULL AND state <> 'destroyed')
    ),
    CHECK (wrapped_by IS NULL OR state = 'destroyed' OR wrapped_key IS NOT NULL)
);

-- Exactly one version of a key does new work.
CREATE UNIQUE INDEX key_version_one_active ON key_version (name)
WHERE state = 'active';

CREATE INDEX key_version_wrapped_by ON key_version (wrapped_by)
WHERE wrapped_key IS NOT NULL;

CREATE TABLE key_transition (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kid text NOT NULL REFERENCES key_version (kid),
    state_before text,
    state_after text NOT NULL,
    made_by text NOT NULL CHECK (made_by <> ''),
    reason text NOT NULL,
    occurred_at timestamptz NOT NULL,
    -- The whole life of a key: nothing comes back, and an active key is replaced before it ends.
    CHECK (
        (coalesce(state_before, ''), state_after) IN (
            ('', 'pending'),
            ('pending', 'active'),
            ('pending', 'destroyed'),
            ('active', 'verify_only'),
            ('active', 'decrypt_only'),
            ('verify_only', 'destroyed'),
            ('decrypt_only', 'destroyed')
        )
    )
);

CREATE INDEX key_transition_kid ON key_transition (kid, id);

-- A state changes by recording who changed it, and in no other way: the service's role may insert
-- transitions but may not update states.
CREATE FUNCTION apply_key_transition() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = keys, pg_temp AS $$
BEGIN
    IF new.state_before IS NULL THEN
        RETURN new;
    END IF;
    -- Waits for whoever is just wrapping a key under this one.
    PERFORM FROM key_version WHERE kid = new.kid FOR UPDATE;
    IF new.state_after = 'destroyed' AND EXISTS (
        SELECT FROM key_version WHERE wrapped_by = new.kid AND wrapped_key IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'key % still wraps others', new.kid
        USING ERRCODE = 'check_violation', CONSTRAINT = 'key_still_wraps';
    END IF;
    UPDATE key_version
    SET
        state = new.state_after,
        changed_at = new.occurred_at,
        wrapped_key = CASE WHEN new.state_after = 'destroyed' THEN NULL ELSE wrapped_key END
    WHERE kid = new.kid AND state = new.state_before;
    IF NOT found THEN
        RAISE EXCEPTION 'key % is not %', new.kid, new.state_before
        USING ERRCODE = 'check_violation', CONSTRAINT = 'key_state_before';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER key_transition_applied
AFTER INSERT ON key_transition
FOR EACH ROW EXECUTE FUNCTION apply_key_transition();

-- A key is never put under one that is destroyed already.
CREATE FUNCTION refuse_destroyed_wrapper() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = keys, pg_temp AS $$
BEGIN
    PERFORM FROM key_version
    WHERE kid = new.wrapped_by AND state <> 'destroyed'
    FOR KEY SHARE;
    IF NOT found THEN
        RAISE EXCEPTION 'key % is destroyed', new.wrapped_by
        USING ERRCODE = 'check_violation', CONSTRAINT = 'key_wrapper_lives';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER key_version_wrapper_lives
BEFORE INSERT OR UPDATE OF wrapped_by ON key_version
FOR EACH ROW WHEN (new.wrapped_by IS NOT NULL)
EXECUTE FUNCTION refuse_destroyed_wrapper();

-- Re-wrapping replaces the ciphertext of a key by another of the same key while it is not destroyed.
CREATE FUNCTION rewrap_key(
    of_kid text, from_kid text, to_kid text, new_wrapped_key bytea
) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = keys, pg_temp AS $$
    UPDATE key_version
    SET wrapped_by = to_kid, wrapped_key = new_wrapped_key
    WHERE kid = of_kid AND wrapped_by = from_kid AND wrapped_key IS NOT NULL
    RETURNING true
$$;

REVOKE ALL ON FUNCTION apply_key_transition() FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_destroyed_wrapper() FROM PUBLIC;
REVOKE ALL ON FUNCTION rewrap_key(text, text, text, bytea) FROM PUBLIC;

GRANT SELECT, INSERT ON logical_key TO bezant_keys;
GRANT SELECT ON key_version TO bezant_keys;
GRANT INSERT (
    kid, name, version, provider, provider_ref, public_key, wrapped_by, wrapped_key, created_at,
    changed_at
) ON key_version TO bezant_keys;
GRANT SELECT, INSERT ON key_transition TO bezant_keys;
GRANT EXECUTE ON FUNCTION rewrap_key(text, text, text, bytea) TO bezant_keys;
-- SELECT FOR UPDATE, which serialises rotations of one key, needs the right to update some column.
GRANT UPDATE (created_at) ON logical_key TO bezant_keys;

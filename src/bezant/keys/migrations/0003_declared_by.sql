-- The module a key was declared by: nobody else works with it.

ALTER TABLE logical_key
ADD COLUMN declared_by text NOT NULL DEFAULT '';

UPDATE logical_key
SET declared_by = coalesce(
    (
        SELECT t.made_by
        FROM key_transition AS t
        JOIN key_version AS v ON v.kid = t.kid
        WHERE v.name = logical_key.name
        ORDER BY t.id
        LIMIT 1
    ),
    ''
);

-- What was declared by code that does not say so yet is claimed once; nothing changes hands.
CREATE FUNCTION keep_declared_by() RETURNS trigger
LANGUAGE plpgsql SET search_path = keys, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'key % belongs to %', old.name, old.declared_by
    USING ERRCODE = 'check_violation', CONSTRAINT = 'key_declared_by';
END $$;

CREATE TRIGGER logical_key_declared_by
BEFORE UPDATE OF declared_by ON logical_key
FOR EACH ROW WHEN (old.declared_by <> '' AND new.declared_by <> old.declared_by)
EXECUTE FUNCTION keep_declared_by();

REVOKE ALL ON FUNCTION keep_declared_by() FROM PUBLIC;
GRANT UPDATE (declared_by) ON logical_key TO bezant_keys;

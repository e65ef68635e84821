-- The table of API keys that operators of the merchant family read: never what a key's text could be found by.
CREATE VIEW api_keys AS
SELECT
    'key_' || replace(id::text, '-', '') AS id,
    mode,
    'mer_' || replace(merchant_id::text, '-', '') AS merchant,
    name,
    shown AS key_hint,
    kind,
    role,
    grants AS scopes,
    revoked_at IS NULL AS is_active,  -- Until expires_at, if there is one: time is not told by the database.
    created_at,
    created_by,
    expires_at,
    revoked_at,
    revoked_by,
    last_used_at
FROM api_key;

GRANT SELECT ON api_keys TO bezant_identity;

-- Custom roles: one of our roles narrowed to named resources. Members and keys may carry one.

CREATE TABLE custom_role (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    basis text NOT NULL CHECK (basis IN ('admin', 'finance', 'developer', 'support', 'auditor')),
    grants text[] NOT NULL CHECK (cardinality(grants) > 0),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    ended_at timestamptz,
    -- What refers to a role names its tenant as well: nobody has another tenant's.
    CONSTRAINT custom_role_of_tenant UNIQUE (id, merchant_id)
);

CREATE UNIQUE INDEX custom_role_name_once ON custom_role (merchant_id, lower(name))
WHERE ended_at IS NULL;

ALTER TABLE membership ADD COLUMN custom_role uuid;
ALTER TABLE membership ADD CONSTRAINT membership_custom_role
FOREIGN KEY (custom_role, merchant_id) REFERENCES custom_role (id, merchant_id);

ALTER TABLE invitation ADD COLUMN custom_role uuid;
ALTER TABLE invitation ADD CONSTRAINT invitation_custom_role
FOREIGN KEY (custom_role, merchant_id) REFERENCES custom_role (id, merchant_id);

ALTER TABLE api_key ADD COLUMN custom_role uuid;
ALTER TABLE api_key ADD CONSTRAINT api_key_custom_role
FOREIGN KEY (custom_role, merchant_id) REFERENCES custom_role (id, merchant_id);

CREATE INDEX membership_by_role ON membership (custom_role)
WHERE custom_role IS NOT NULL;
CREATE INDEX invitation_by_role ON invitation (custom_role)
WHERE custom_role IS NOT NULL;
CREATE INDEX api_key_by_role ON api_key (custom_role)
WHERE custom_role IS NOT NULL;

-- Whoever remembers keys and tokens asks again when a role may do something else.
CREATE TRIGGER custom_role_keys
AFTER UPDATE OF grants ON custom_role
FOR EACH STATEMENT EXECUTE FUNCTION count_generation();

CREATE TRIGGER custom_role_tokens
AFTER UPDATE OF grants ON custom_role
FOR EACH STATEMENT EXECUTE FUNCTION everybody_changed();

CREATE TRIGGER membership_narrowed
AFTER UPDATE OF custom_role ON membership
FOR EACH ROW EXECUTE FUNCTION membership_changed();

GRANT SELECT, INSERT ON custom_role TO bezant_identity;
GRANT UPDATE (name, grants, ended_at) ON custom_role TO bezant_identity;
GRANT UPDATE (custom_role) ON membership TO bezant_identity;

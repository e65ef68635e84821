-- Merchants, members, sessions and API keys. Nothing that lets anybody in lies here in the open:
-- passwords as Argon2id, session and invitation tokens as SHA-256, API keys as keyed hashes.

CREATE TABLE merchant (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended')),
    demo boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);

-- The platform is a tenant too: its members look after merchants. It is never listed or suspended.
INSERT INTO merchant (id, name, created_at)
VALUES ('00000000-0000-0000-0000-000000000000', 'The platform', '2026-01-01T00:00:00Z');

ALTER TABLE merchant ADD CONSTRAINT merchant_platform_works CHECK (
    id <> '00000000-0000-0000-0000-000000000000' OR state = 'active'
);

CREATE TABLE member (
    id uuid PRIMARY KEY,
    email text NOT NULL CONSTRAINT member_email_once UNIQUE
    CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    last_login_at timestamptz NOT NULL
);

-- A password is replaced by adding a row: the newest counts, the last four may not come back.
CREATE TABLE password (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES member (id),
    hash text NOT NULL CHECK (hash LIKE '$argon2id$%'),
    set_at timestamptz NOT NULL
);

CREATE INDEX password_member ON password (member_id, id DESC);

CREATE TABLE membership (
    member_id uuid NOT NULL REFERENCES member (id),
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    role text NOT NULL
    CHECK (role IN ('admin', 'finance', 'developer', 'support', 'auditor')),
    joined_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, merchant_id)
);

CREATE INDEX membership_merchant ON membership (merchant_id, member_id);

CREATE TABLE invitation (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    email text NOT NULL,
    role text NOT NULL
    CHECK (role IN ('admin', 'finance', 'developer', 'support', 'auditor')),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    invited_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    accepted_at timestamptz,
    accepted_by uuid REFERENCES member (id),
    cancelled_at timestamptz,
    CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CHECK (accepted_at IS NULL OR cancelled_at IS NULL)
);

CREATE INDEX invitation_merchant ON invitation (merchant_id, id);

CREATE TABLE session (
    id uuid PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES member (id),
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    ended_at timestamptz,
    address text NOT NULL,
    agent text NOT NULL
);

CREATE INDEX session_member ON session (member_id)
WHERE ended_at IS NULL;

CREATE INDEX session_expires ON session (expires_at);

-- Wrong passwords, counted by the address that was typed, whether or not anybody has it.
CREATE TABLE login_try (
    identifier bytea PRIMARY KEY CHECK (length(identifier) = 32),
    failures integer NOT NULL CHECK (failures >= 0),
    locked_until timestamptz,
    tried_at timestamptz NOT NULL
);

CREATE INDEX login_try_tried ON login_try (tried_at);

CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    kind text NOT NULL CHECK (kind IN ('pk', 'sk', 'rk')),
    role text NOT NULL
    CHECK (role IN ('admin', 'finance', 'developer', 'support', 'auditor')),
    name text NOT NULL,
    shown text NOT NULL,
    hash bytea NOT NULL CONSTRAINT api_key_hash_once UNIQUE CHECK (length(hash) = 32),
    hash_kid text NOT NULL,
    grants text[] NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    last_used_at timestamptz,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CHECK (kind = 'rk' OR grants = '{}'),
    CHECK (merchant_id <> '00000000-0000-0000-0000-000000000000')
);

CREATE INDEX api_key_merchant ON api_key (merchant_id, mode, id);

-- Counts how often rights were taken from keys. Whoever remembers keys asks for this one number;
-- because it is updated in the transaction that takes the rights, a reader sees both or neither.
CREATE TABLE generation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint NOT NULL
);

INSERT INTO generation (number) VALUES (0);

CREATE FUNCTION count_generation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = identity, pg_temp AS $$
BEGIN
    UPDATE generation SET number = number + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER api_key_rights_taken
AFTER UPDATE OF revoked_at, expires_at ON api_key
FOR EACH STATEMENT EXECUTE FUNCTION count_generation();

CREATE TRIGGER merchant_rights_taken
AFTER UPDATE OF state ON merchant
FOR EACH STATEMENT EXECUTE FUNCTION count_generation();

-- A key that was revoked stays revoked, and one that ends never ends later than it did.
CREATE FUNCTION refuse_revival() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF old.revoked_at IS NOT NULL AND new.revoked_at IS DISTINCT FROM old.revoked_at THEN
        RAISE EXCEPTION 'a revoked key stays revoked'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_stays_revoked';
    END IF;
    IF old.expires_at IS NOT NULL
        AND (new.expires_at IS NULL OR new.expires_at > old.expires_at) THEN
        RAISE EXCEPTION 'a key never lives longer than it was given'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_never_longer';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER api_key_no_revival
BEFORE UPDATE OF revoked_at, expires_at ON api_key
FOR EACH ROW EXECUTE FUNCTION refuse_revival();

REVOKE ALL ON FUNCTION count_generation() FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_revival() FROM PUBLIC;

GRANT SELECT, INSERT ON
merchant, member, password, membership, invitation, session, login_try, api_key
TO bezant_identity;
GRANT SELECT ON generation TO bezant_identity;
GRANT UPDATE (state) ON merchant TO bezant_identity;
GRANT UPDATE (last_login_at) ON member TO bezant_identity;
GRANT UPDATE (role), DELETE ON membership TO bezant_identity;
GRANT UPDATE (accepted_at, accepted_by, cancelled_at) ON invitation TO bezant_identity;
GRANT UPDATE (merchant_id, mode, last_seen_at, ended_at), DELETE ON session TO bezant_identity;
GRANT UPDATE (failures, locked_until, tried_at), DELETE ON login_try TO bezant_identity;
GRANT UPDATE (hash, hash_kid, expires_at, revoked_at, revoked_by, last_used_at)
ON api_key TO bezant_identity;

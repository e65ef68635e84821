-- People: how they sign up, and by what else than a password they prove who they are.
-- Secrets that must be told again lie here sealed, all others as SHA-256.

-- Whoever comes from elsewhere brings a bcrypt hash; it is replaced when they first sign in.
ALTER TABLE password DROP CONSTRAINT password_hash_check;
ALTER TABLE password ADD CONSTRAINT password_hash_check CHECK (
    hash LIKE '$argon2id$%' OR hash ~ '^\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$'
);

-- When whoever is behind a session proved last who they are; since it began, if this is empty.
ALTER TABLE session ADD COLUMN proved_at timestamptz;

-- What devices somebody signed in on, also long ago.
CREATE INDEX session_devices ON session (member_id, agent);

-- Somebody gave a right password on this way, and something else is still asked of them.
ALTER TABLE interaction ADD COLUMN proved_member_id uuid REFERENCES member (id);
ALTER TABLE interaction ADD COLUMN proved_at timestamptz;
ALTER TABLE interaction ADD CONSTRAINT interaction_proved CHECK (
    (proved_member_id IS NULL) = (proved_at IS NULL)
);

-- A right password for which a second factor is asked, of those who come without a page of ours.
CREATE TABLE half_login (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    member_id uuid NOT NULL REFERENCES member (id),
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX half_login_member ON half_login (member_id);
CREATE INDEX half_login_expires ON half_login (expires_at);

CREATE TABLE sign_up (
    id uuid PRIMARY KEY,
    email text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at)
);

CREATE INDEX sign_up_email ON sign_up (email, created_at);
CREATE INDEX sign_up_expires ON sign_up (expires_at);

CREATE TABLE passkey (
    id uuid PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES member (id),
    credential_id bytea NOT NULL CONSTRAINT passkey_once UNIQUE
    CHECK (length(credential_id) BETWEEN 16 AND 1023),
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL CHECK (sign_count >= 0),
    transports text[] NOT NULL,
    synced boolean NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    -- It was seen to count backwards: somebody may have a copy, and it opens nothing any more.
    cloned_at timestamptz
);

CREATE INDEX passkey_member ON passkey (member_id);

-- A counter that could be set back would forget that it was ever copied.
CREATE FUNCTION refuse_uncloning() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a passkey counts upwards, and a copied one stays refused'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_counts_up';
END $$;

CREATE TRIGGER passkey_counts_up
BEFORE UPDATE OF sign_count, cloned_at ON passkey
FOR EACH ROW WHEN (new.sign_count < old.sign_count OR old.cloned_at IS NOT NULL)
EXECUTE FUNCTION refuse_uncloning();

-- One challenge of one registration or login with a passkey.
CREATE TABLE ceremony (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    -- Who registers a passkey; nobody knows yet who signs in.
    member_id uuid REFERENCES member (id),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX ceremony_expires ON ceremony (expires_at);

CREATE TABLE totp (
    member_id uuid PRIMARY KEY REFERENCES member (id),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- Until a code was typed once it is asked of nobody.
    confirmed_at timestamptz,
    -- The last step whose code was used: neither it nor an earlier one is taken again.
    last_step bigint NOT NULL DEFAULT 0
);

CREATE TABLE recovery_code (
    member_id uuid NOT NULL REFERENCES member (id),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (member_id, hash)
);

-- Letters on their way. What one says, and to whom, is sealed, and gone once it was sent.
CREATE TABLE mail (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    sealed bytea,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    sent_at timestamptz,
    failed_at timestamptz,
    CHECK (sealed IS NOT NULL OR sent_at IS NOT NULL OR failed_at IS NOT NULL)
);

CREATE INDEX mail_due ON mail (due_at)
WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX mail_created ON mail (created_at);

-- Whoever proves anew who they are keeps what began in the session; nothing else of it changes.
CREATE FUNCTION refuse_unproving() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a session is proved later, never earlier'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'session_proved_later';
END $$;

CREATE TRIGGER session_proved_later
BEFORE UPDATE OF proved_at ON session
FOR EACH ROW WHEN (old.proved_at IS NOT NULL
    AND (new.proved_at IS NULL OR new.proved_at < old.proved_at))
EXECUTE FUNCTION refuse_unproving();

REVOKE ALL ON FUNCTION refuse_uncloning() FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_unproving() FROM PUBLIC;

GRANT UPDATE (methods, proved_at) ON session TO bezant_identity;
GRANT UPDATE (proved_member_id, proved_at) ON interaction TO bezant_identity;
GRANT SELECT, INSERT ON
half_login, sign_up, passkey, ceremony, totp, recovery_code, mail
TO bezant_identity;
GRANT UPDATE (used_at), DELETE ON half_login TO bezant_identity;
-- Rows are locked before they are deleted, and that takes the right to change a column.
GRANT UPDATE (expires_at), DELETE ON sign_up TO bezant_identity;
GRANT UPDATE (spent_until) ON spent_proof TO bezant_identity;
GRANT UPDATE (sign_count, synced, last_used_at, cloned_at), DELETE ON passkey TO bezant_identity;
GRANT UPDATE (used_at), DELETE ON ceremony TO bezant_identity;
GRANT UPDATE (sealed, created_at, confirmed_at, last_step), DELETE ON totp TO bezant_identity;
GRANT UPDATE (used_at), DELETE ON recovery_code TO bezant_identity;
GRANT UPDATE (sealed, due_at, tries, sent_at, failed_at), DELETE ON mail TO bezant_identity;

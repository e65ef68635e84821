-- The OpenID provider: realms, clients, what somebody lets a client do, and the tokens of it.
-- Codes, refresh tokens and the like lie here as SHA-256; access and ID tokens not at all.

-- A payer signs in too: a member whose role is narrow. Some were told a name instead of an address.
ALTER TABLE member ADD COLUMN username text CONSTRAINT member_username_once UNIQUE
CHECK (username ~ '^[a-z0-9][a-z0-9._-]{0,63}$');

ALTER TABLE membership DROP CONSTRAINT membership_role_check;
ALTER TABLE membership ADD CONSTRAINT membership_role_check
CHECK (role IN ('admin', 'finance', 'developer', 'support', 'auditor', 'customer'));

ALTER TABLE invitation DROP CONSTRAINT invitation_role_check;
ALTER TABLE invitation ADD CONSTRAINT invitation_role_check
CHECK (role IN ('admin', 'finance', 'developer', 'support', 'auditor', 'customer'));

-- How somebody proved who they are, in the words of RFC 8176.
ALTER TABLE session ADD COLUMN methods text[] NOT NULL DEFAULT '{pwd}';

CREATE TABLE realm (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,39}$'),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    -- Whose customers its people are. The realm of the platform is everybody's.
    merchant_id uuid REFERENCES merchant (id),
    created_at timestamptz NOT NULL
);

INSERT INTO realm (name, title, created_at) VALUES ('bezant', 'Bezant', '2026-01-01T00:00:00Z');

CREATE TABLE client (
    id uuid PRIMARY KEY,
    realm text NOT NULL REFERENCES realm (name),
    client_id text NOT NULL CHECK (client_id ~ '^[A-Za-z0-9._~-]{1,100}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    method text NOT NULL CHECK (
        method IN ('none', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth')
    ),
    grant_types text[] NOT NULL,
    redirect_uris text[] NOT NULL,
    logout_uris text[] NOT NULL,
    scopes text[] NOT NULL,
    default_scopes text[] NOT NULL,
    -- A JWK Set with the client's public keys, as it was registered.
    jwks text NOT NULL,
    -- SHA-256 of its own certificates, or names in certificates of an authority.
    certificates text[] NOT NULL,
    -- A program acts for a merchant, in a mode, in a role.
    merchant_id uuid REFERENCES merchant (id),
    role text CHECK (role IN ('admin', 'finance', 'developer', 'support', 'auditor')),
    mode text CHECK (mode IN ('test', 'live')),
    asks_consent boolean NOT NULL,
    binds_tokens boolean NOT NULL,
    must_push boolean NOT NULL,
    demo boolean NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    CONSTRAINT client_once UNIQUE (realm, client_id),
    CHECK (NOT grant_types @> '{client_credentials}'
        OR (method <> 'none' AND merchant_id IS NOT NULL AND role IS NOT NULL AND mode IS NOT NULL))
);

-- What somebody lets a client do, or a program does for its merchant: the family of its tokens.
CREATE TABLE delegation (
    id uuid PRIMARY KEY,
    client uuid NOT NULL REFERENCES client (id),
    member_id uuid REFERENCES member (id),
    session_id uuid,
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    scopes text[] NOT NULL,
    methods text[] NOT NULL,
    signed_in_at timestamptz NOT NULL,
    -- The key or certificate that its tokens are bound to, or nothing.
    bound_to text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE INDEX delegation_session ON delegation (session_id)
WHERE revoked_at IS NULL;
CREATE INDEX delegation_member ON delegation (member_id, merchant_id)
WHERE revoked_at IS NULL;
CREATE INDEX delegation_client ON delegation (client)
WHERE revoked_at IS NULL;
CREATE INDEX delegation_expires ON delegation (expires_at);

CREATE TABLE authorization_code (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    delegation_id uuid NOT NULL REFERENCES delegation (id) ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    challenge text NOT NULL,
    nonce text NOT NULL,
    key_thumbprint text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX authorization_code_delegation ON authorization_code (delegation_id);

CREATE TABLE refresh_token (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    delegation_id uuid NOT NULL REFERENCES delegation (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX refresh_token_delegation ON refresh_token (delegation_id);

CREATE TABLE consent (
    member_id uuid NOT NULL REFERENCES member (id),
    client uuid NOT NULL REFERENCES client (id),
    scopes text[] NOT NULL,
    given_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, client)
);

-- A request that a client left with us in advance (RFC 9126).
CREATE TABLE pushed_request (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    client uuid NOT NULL REFERENCES client (id),
    request text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX pushed_request_expires ON pushed_request (expires_at);

-- Somebody's way through our login pages, in one browser.
CREATE TABLE interaction (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    browser bytea NOT NULL CHECK (length(browser) = 32),
    client uuid NOT NULL REFERENCES client (id),
    request text NOT NULL,
    member_id uuid REFERENCES member (id),
    session_id uuid,
    methods text[] NOT NULL DEFAULT '{}',
    signed_in_at timestamptz,
    consented boolean NOT NULL DEFAULT false,
    expires_at timestamptz NOT NULL,
    done_at timestamptz
);

CREATE INDEX interaction_expires ON interaction (expires_at);

-- A program without a browser waits here until somebody lets it in (RFC 8628).
CREATE TABLE device_request (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    user_code text NOT NULL CONSTRAINT device_user_code_once UNIQUE,
    client uuid NOT NULL REFERENCES client (id),
    scopes text[] NOT NULL,
    mode text CHECK (mode IN ('test', 'live')),
    state text NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'allowed', 'denied', 'spent')),
    delegation_id uuid REFERENCES delegation (id) ON DELETE CASCADE,
    key_thumbprint text NOT NULL,
    interval_seconds integer NOT NULL,
    polled_at timestamptz,
    expires_at timestamptz NOT NULL
);

CREATE INDEX device_request_expires ON device_request (expires_at);
CREATE INDEX device_request_delegation ON device_request (delegation_id);

-- Proofs and assertions that may be shown once only, until they would be too old anyway.
CREATE TABLE spent_proof (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    spent_until timestamptz NOT NULL
);

CREATE INDEX spent_proof_until ON spent_proof (spent_until);

-- Whoever remembers tokens asks which of them to ask about again; no delegation means all of them.
-- The number is drawn from one row, held until the end of the transaction: numbers are dense and
-- appear in their order.
CREATE TABLE recheck_number (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint NOT NULL
);

INSERT INTO recheck_number (number) VALUES (0);

CREATE TABLE recheck (
    number bigint PRIMARY KEY,
    delegation_id uuid
);

CREATE FUNCTION ask_again_about(delegation uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = identity, pg_temp AS $$
    WITH drawn AS (
        UPDATE recheck_number SET number = number + 1 RETURNING number
    )
    INSERT INTO recheck (number, delegation_id) SELECT drawn.number, delegation FROM drawn;
$$;

CREATE FUNCTION delegation_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = identity, pg_temp AS $$
BEGIN
    PERFORM ask_again_about(new.id);
    RETURN NULL;
END $$;

CREATE TRIGGER delegation_revoked
AFTER UPDATE OF revoked_at ON delegation
FOR EACH ROW WHEN (old.revoked_at IS NULL AND new.revoked_at IS NOT NULL)
EXECUTE FUNCTION delegation_ended();

-- Whose session is ended has signed out of what was begun in it.
CREATE FUNCTION session_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = identity, pg_temp AS $$
BEGIN
    UPDATE delegation SET revoked_at = new.ended_at
    WHERE session_id = new.id AND revoked_at IS NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER session_ends_delegations
AFTER UPDATE OF ended_at ON session
FOR EACH ROW WHEN (old.ended_at IS NULL AND new.ended_at IS NOT NULL)
EXECUTE FUNCTION session_ended();

-- Whoever leaves a tenant, or has another role there, is looked at anew.
CREATE FUNCTION membership_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = identity, pg_temp AS $$
BEGIN
    PERFORM ask_again_about(d.id)
    FROM delegation AS d
    WHERE d.member_id = old.member_id AND d.merchant_id = old.merchant_id AND d.revoked_at IS NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER membership_ends
AFTER DELETE OR UPDATE OF role ON membership
FOR EACH ROW EXECUTE FUNCTION membership_changed();

CREATE FUNCTION everybody_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = identity, pg_temp AS $$
BEGIN
    PERFORM ask_again_about(NULL);
    RETURN NULL;
END $$;

CREATE TRIGGER merchant_tokens
AFTER UPDATE OF state ON merchant
FOR EACH STATEMENT EXECUTE FUNCTION everybody_changed();

CREATE TRIGGER client_tokens
AFTER UPDATE ON client
FOR EACH STATEMENT EXECUTE FUNCTION everybody_changed();

-- What was revoked stays revoked, and a code or token is spent once.
CREATE FUNCTION refuse_return() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is spent or revoked stays so'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'stays_spent';
END $$;

CREATE TRIGGER delegation_stays_revoked
BEFORE UPDATE OF revoked_at ON delegation
FOR EACH ROW WHEN (old.revoked_at IS NOT NULL AND new.revoked_at IS DISTINCT FROM old.revoked_at)
EXECUTE FUNCTION refuse_return();

CREATE TRIGGER authorization_code_stays_used
BEFORE UPDATE OF used_at ON authorization_code
FOR EACH ROW WHEN (old.used_at IS NOT NULL AND new.used_at IS DISTINCT FROM old.used_at)
EXECUTE FUNCTION refuse_return();

CREATE TRIGGER refresh_token_stays_used
BEFORE UPDATE OF used_at ON refresh_token
FOR EACH ROW WHEN (old.used_at IS NOT NULL AND new.used_at IS DISTINCT FROM old.used_at)
EXECUTE FUNCTION refuse_return();

REVOKE ALL ON FUNCTION ask_again_about(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION delegation_ended() FROM PUBLIC;
REVOKE ALL ON FUNCTION session_ended() FROM PUBLIC;
REVOKE ALL ON FUNCTION membership_changed() FROM PUBLIC;
REVOKE ALL ON FUNCTION everybody_changed() FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_return() FROM PUBLIC;

GRANT UPDATE (username) ON member TO bezant_identity;
GRANT SELECT, INSERT ON
realm, client, delegation, authorization_code, refresh_token, consent, pushed_request, interaction,
device_request, spent_proof
TO bezant_identity;
GRANT SELECT ON recheck_number TO bezant_identity;
GRANT SELECT, DELETE ON recheck TO bezant_identity;
GRANT UPDATE (title, merchant_id) ON realm TO bezant_identity;
GRANT UPDATE (
    name, method, grant_types, redirect_uris, logout_uris, scopes, default_scopes, jwks,
    certificates, merchant_id, role, mode, asks_consent, binds_tokens, must_push, active
) ON client TO bezant_identity;
GRANT UPDATE (bound_to, revoked_at), DELETE ON delegation TO bezant_identity;
GRANT UPDATE (used_at) ON authorization_code TO bezant_identity;
GRANT UPDATE (used_at) ON refresh_token TO bezant_identity;
GRANT UPDATE (scopes, given_at), DELETE ON consent TO bezant_identity;
GRANT UPDATE (used_at), DELETE ON pushed_request TO bezant_identity;
GRANT UPDATE (member_id, session_id, methods, signed_in_at, consented, done_at), DELETE
ON interaction TO bezant_identity;
GRANT UPDATE (state, delegation_id, interval_seconds, polled_at), DELETE
ON device_request TO bezant_identity;
GRANT DELETE ON spent_proof TO bezant_identity;

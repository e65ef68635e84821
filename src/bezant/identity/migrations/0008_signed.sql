-- Partners who sign their requests: public keys and certificates, so nothing here lets anybody in.
CREATE TABLE signer (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    role text NOT NULL
    CHECK (role IN ('admin', 'finance', 'developer', 'support', 'auditor')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- SubjectPublicKeyInfo, and the one algorithm that is used with it.
    public_key bytea NOT NULL CHECK (length(public_key) BETWEEN 32 AND 2000),
    algorithm text NOT NULL
    CHECK (algorithm IN ('ecdsa-p256-sha256', 'ed25519', 'rsa-pss-sha512')),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CHECK (merchant_id <> '00000000-0000-0000-0000-000000000000')
);

CREATE INDEX signer_merchant ON signer (merchant_id, mode, id);

-- Certificates of the internal authority, each of one partner. One that is revoked is refused at
-- once, and listed until it would have ended anyway.
CREATE TABLE partner_certificate (
    serial numeric(50) PRIMARY KEY CHECK (serial > 0),
    signer_id uuid NOT NULL REFERENCES signer (id),
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),
    revoked_at timestamptz
);

CREATE INDEX partner_certificate_signer ON partner_certificate (signer_id);
CREATE INDEX partner_certificate_revoked ON partner_certificate (expires_at)
WHERE revoked_at IS NOT NULL;

-- The certificate of the authority itself, one for each version of its key.
CREATE TABLE partner_authority (
    kid text PRIMARY KEY,
    certificate bytea NOT NULL,
    made_at timestamptz NOT NULL
);

CREATE FUNCTION refuse_partner_return() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was revoked stays so'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'partner_stays_revoked';
END $$;

CREATE TRIGGER signer_stays_revoked
BEFORE UPDATE OF revoked_at ON signer
FOR EACH ROW WHEN (old.revoked_at IS NOT NULL AND new.revoked_at IS DISTINCT FROM old.revoked_at)
EXECUTE FUNCTION refuse_partner_return();

CREATE TRIGGER partner_certificate_stays_revoked
BEFORE UPDATE OF revoked_at ON partner_certificate
FOR EACH ROW WHEN (old.revoked_at IS NOT NULL AND new.revoked_at IS DISTINCT FROM old.revoked_at)
EXECUTE FUNCTION refuse_partner_return();

REVOKE ALL ON FUNCTION refuse_partner_return() FROM PUBLIC;

GRANT SELECT, INSERT ON signer, partner_certificate, partner_authority TO bezant_identity;
GRANT UPDATE (revoked_at, revoked_by) ON signer TO bezant_identity;
GRANT UPDATE (revoked_at) ON partner_certificate TO bezant_identity;

-- Cards: what may be shown of them, and their numbers sealed. No number, and no card code in any
-- form, ever lies here in the open.

CREATE TABLE data_key (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    -- '2026-11', or nothing for the key of fingerprints.
    month text NOT NULL CHECK (month ~ '^([0-9]{4}-[0-9]{2})?$'),
    kid text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT data_key_once UNIQUE (tenant, mode, month)
);

CREATE TABLE card (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    brand text NOT NULL,
    last4 text NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
    exp_month smallint NOT NULL CHECK (exp_month BETWEEN 1 AND 12),
    exp_year smallint NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 16),
    checkout_session text NOT NULL,
    created_at timestamptz NOT NULL,
    key_id integer NOT NULL REFERENCES data_key (id),
    sealed bytea,
    forgotten_at timestamptz,
    -- Destroyed or there, nothing between; and it never comes back (see the trigger).
    CHECK ((sealed IS NULL) = (forgotten_at IS NOT NULL))
);

CREATE FUNCTION refuse_another_number() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF new.sealed IS NOT NULL AND new.sealed IS DISTINCT FROM old.sealed THEN
        RAISE EXCEPTION 'a token stands for one card'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'card_number_never_changes';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER card_number_never_changes
BEFORE UPDATE OF sealed ON card
FOR EACH ROW EXECUTE FUNCTION refuse_another_number();

REVOKE ALL ON FUNCTION refuse_another_number() FROM PUBLIC;

GRANT SELECT, INSERT ON data_key, card TO bezant_vault;
GRANT UPDATE (sealed, kid) ON data_key TO bezant_vault;
GRANT UPDATE (sealed, forgotten_at) ON card TO bezant_vault;

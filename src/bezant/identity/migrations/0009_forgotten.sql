-- Whoever forgot their password asks for a letter; its code sets a new one, once, within the hour.
-- A row is kept known address or not: so many letters and no more go to an address.
CREATE TABLE forgotten (
    id uuid PRIMARY KEY,
    -- Nobody, where the address is not known: that is no different from outside.
    member_id uuid REFERENCES member (id),
    address_hash bytea NOT NULL CHECK (length(address_hash) = 32),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at timestamptz
);

CREATE INDEX forgotten_address ON forgotten (address_hash, created_at);
CREATE INDEX forgotten_member ON forgotten (member_id);
CREATE INDEX forgotten_created ON forgotten (created_at);

GRANT SELECT, INSERT, UPDATE (used_at), DELETE ON forgotten TO bezant_identity;

-- Wrong passwords, counted by where they came from, beside the count by e-mail address: one stranger
-- who tries a password on everybody is as unwelcome as one who tries every password on somebody.
CREATE TABLE login_address (
    -- SHA-256 of an IPv4 address or an IPv6 /64: it is compared, never shown.
    address bytea PRIMARY KEY CHECK (length(address) = 32),
    -- Each failure lasts a few minutes; this is when all that were counted will be over.
    spent_until timestamptz NOT NULL
);

CREATE INDEX login_address_spent ON login_address (spent_until);

GRANT SELECT, INSERT, UPDATE, DELETE ON login_address TO bezant_identity;

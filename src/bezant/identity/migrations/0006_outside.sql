-- People whom an issuer of somebody else's vouches for. Each is a member like any other, without a
-- password of ours; what that issuer calls them is kept as SHA-256 only.
CREATE TABLE outside_person (
    mark bytea PRIMARY KEY CHECK (length(mark) = 32),
    member_id uuid NOT NULL CONSTRAINT outside_person_once UNIQUE REFERENCES member (id),
    issuer text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 2000),
    first_seen_at timestamptz NOT NULL
);

GRANT SELECT, INSERT ON outside_person TO bezant_identity;

-- What strangers leave behind is found as soon as it is over: codes that nobody came for, too.
CREATE INDEX authorization_code_unused ON authorization_code (expires_at)
WHERE used_at IS NULL;

-- What a request under an Idempotency-Key made: the same one makes nothing again.
CREATE TABLE repeat (
    mark bytea PRIMARY KEY CHECK (length(mark) = 32),
    asked bytea NOT NULL CHECK (length(asked) = 32),
    made uuid NOT NULL,
    spent_until timestamptz NOT NULL
);

CREATE INDEX repeat_until ON repeat (spent_until);

GRANT SELECT, INSERT, UPDATE (asked, made, spent_until), DELETE ON repeat TO bezant_identity;

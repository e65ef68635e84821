-- What was said to a provider and what it answered, with only what may be shown of it: kept of what went wrong, so that
-- a person can see why. Nothing here decides anything, and nothing else refers to it.
CREATE TABLE payments.transcript (
    id uuid PRIMARY KEY,
    attempt uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    provider text NOT NULL,
    operation text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    sending text NOT NULL,
    status smallint NOT NULL,
    milliseconds integer NOT NULL,
    result text NOT NULL,
    request text NOT NULL CHECK (octet_length(request) <= 8192),
    answer text NOT NULL CHECK (octet_length(answer) <= 8192),
    answer_bytes integer NOT NULL
);
CREATE INDEX transcript_attempt ON payments.transcript (attempt, asked_at);
-- They come in the order of time, and the oldest go first.
CREATE INDEX transcript_asked_at ON payments.transcript USING brin (asked_at);
GRANT SELECT, INSERT, DELETE ON payments.transcript TO bezant_payments;

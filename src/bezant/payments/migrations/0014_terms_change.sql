-- Changes of the rules of routing and fees: what was proposed, on which rules it builds, and what became of it.
CREATE TABLE payments.terms_change (
    id uuid PRIMARY KEY,
    proposed_at timestamptz NOT NULL,
    decided_at timestamptz,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    live boolean NOT NULL,  -- In which mode it is agreed to; the rules hold in both.
    proposed_by text NOT NULL,
    approval text,
    replaces bytea NOT NULL CHECK (length(replaces) = 32),  -- SHA-256 of the rules it was made for.
    terms jsonb NOT NULL
);
CREATE INDEX terms_change_waiting ON payments.terms_change (proposed_at) WHERE state = 1;
GRANT SELECT, INSERT, UPDATE ON payments.terms_change TO bezant_payments;

CREATE TRIGGER terms_change_state_change BEFORE UPDATE ON payments.terms_change FOR EACH ROW
WHEN (old.state <> new.state AND (old.state, new.state) NOT IN ((1, 2), (1, 3), (1, 4)))
EXECUTE FUNCTION payments.refuse_change();

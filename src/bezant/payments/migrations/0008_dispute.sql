-- Disputes: a payer's bank takes the money back while somebody decides.

CREATE TABLE payments.dispute (
    id uuid PRIMARY KEY,
    payment uuid NOT NULL,
    tenant uuid NOT NULL,
    opened_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    evidence_due_at timestamptz,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    live boolean NOT NULL,
    booked boolean NOT NULL,
    refusals integer NOT NULL DEFAULT 0,  -- How often the book refused its money.
    amount numeric(32, 0) NOT NULL CHECK (amount > 0),
    provider text NOT NULL,
    reference text NOT NULL,  -- The provider's name of it.
    reason text,
    evidence jsonb,
    UNIQUE (provider, live, reference)
);
CREATE INDEX dispute_payment ON payments.dispute (payment, id);
CREATE INDEX dispute_list ON payments.dispute (tenant, live, id);
CREATE INDEX dispute_unbooked ON payments.dispute (updated_at) WHERE NOT booked;

CREATE TRIGGER dispute_state_change BEFORE UPDATE ON payments.dispute FOR EACH ROW
WHEN (old.state <> new.state AND (old.state, new.state) NOT IN ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4)))
EXECUTE FUNCTION payments.refuse_change();

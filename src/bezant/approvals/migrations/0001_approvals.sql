-- Four eyes. What was proposed never changes; a state moves one way; a yes comes from somebody who
-- did not propose it; and as many different people as were asked for must have said it.

CREATE TABLE approval (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    kind text NOT NULL,
    subject text NOT NULL,
    summary text NOT NULL CHECK (length(summary) BETWEEN 1 AND 500),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    permission text NOT NULL,
    approvers smallint NOT NULL CHECK (approvers BETWEEN 1 AND 5),
    state text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'spent')),
    -- The key or member who asked, and the person behind.
    proposed_by text NOT NULL,
    proposer text NOT NULL,
    proposed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > proposed_at),
    spent_for text NOT NULL DEFAULT '',
    spent_at timestamptz,
    CHECK ((state = 'spent') = (spent_at IS NOT NULL)),
    CHECK ((state = 'spent') = (spent_for <> ''))
);

CREATE INDEX approval_tenant ON approval (tenant, mode, id);

CREATE INDEX approval_expires ON approval (expires_at)
WHERE state IN ('open', 'approved');

CREATE TABLE decision (
    approval_id uuid NOT NULL REFERENCES approval (id),
    person text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('approve', 'reject')),
    reason text NOT NULL,
    decided_at timestamptz NOT NULL,
    -- Who has agreed may still say no while it is open; nobody agrees twice.
    PRIMARY KEY (approval_id, person, verdict)
);

CREATE FUNCTION refuse_own_yes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF new.verdict = 'approve' AND EXISTS (
        SELECT FROM approval
        WHERE id = new.approval_id AND new.person IN (proposer, proposed_by)
    ) THEN
        RAISE EXCEPTION 'nobody approves what they proposed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_by_another';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER decision_by_another
BEFORE INSERT ON decision
FOR EACH ROW EXECUTE FUNCTION refuse_own_yes();

CREATE FUNCTION refuse_wrong_move() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (old.state, new.state) NOT IN (
        ('open', 'approved'), ('open', 'rejected'), ('open', 'expired'),
        ('approved', 'spent'), ('approved', 'expired')
    ) THEN
        RAISE EXCEPTION 'an approval does not go from % to %', old.state, new.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_moves_on';
    END IF;
    IF new.state = 'approved' AND new.approvers > (
        SELECT count(*) FROM decision WHERE approval_id = new.id AND verdict = 'approve'
    ) THEN
        RAISE EXCEPTION 'not enough people have agreed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_by_enough';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER approval_moves_on
BEFORE UPDATE ON approval
FOR EACH ROW EXECUTE FUNCTION refuse_wrong_move();

REVOKE ALL ON FUNCTION refuse_own_yes() FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_wrong_move() FROM PUBLIC;

GRANT SELECT, INSERT ON decision TO bezant_approvals;
GRANT SELECT, INSERT (
    id, tenant, mode, kind, subject, summary, digest, permission, approvers, proposed_by, proposer,
    proposed_at, expires_at
) ON approval TO bezant_approvals;
GRANT UPDATE (state, spent_for, spent_at) ON approval TO bezant_approvals;

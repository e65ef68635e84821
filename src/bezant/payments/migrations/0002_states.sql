-- No change of state but those of states.py, whoever asks. A number is a state's place in its list there.

CREATE FUNCTION payments.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% does not go from state % to %', tg_table_name, old.state, new.state
        USING ERRCODE = 'check_violation', CONSTRAINT = tg_table_name || '_state_change';
END
$$;

CREATE TRIGGER payment_state_change BEFORE UPDATE ON payments.payment FOR EACH ROW
WHEN (
    old.state <> new.state AND (old.state, new.state) NOT IN (
        (1, 2), (1, 9), (1, 10),
        (2, 3), (2, 4), (2, 5), (2, 7), (2, 8), (2, 9), (2, 10), (2, 11),
        (3, 2), (3, 5), (3, 7), (3, 8), (3, 9), (3, 10), (3, 11),
        (4, 2), (4, 3), (4, 5), (4, 6), (4, 7), (4, 8), (4, 9), (4, 10), (4, 11),
        (5, 4), (5, 6), (5, 7), (5, 9), (5, 10),
        (6, 4), (6, 7),
        (8, 2), (8, 5), (8, 7), (8, 9), (8, 10),
        (9, 7),
        (10, 7),
        (11, 2), (11, 5), (11, 7), (11, 8), (11, 9), (11, 10)
    )
)
EXECUTE FUNCTION payments.refuse_change();

CREATE TRIGGER refund_state_change BEFORE UPDATE ON payments.refund FOR EACH ROW
WHEN (
    old.state <> new.state AND (old.state, new.state) NOT IN (
        (1, 2), (1, 6),
        (2, 3), (2, 4), (2, 5),
        (3, 2), (3, 4), (3, 5),
        (4, 5),
        (5, 4)
    )
)
EXECUTE FUNCTION payments.refuse_change();

-- What a payment is for never changes.
CREATE FUNCTION payments.refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a payment is about does not change'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_rewritten';
END
$$;
CREATE TRIGGER payment_rewritten BEFORE UPDATE ON payments.payment FOR EACH ROW
WHEN ((old.id, old.tenant, old.live, old.asset, old.amount) <> (new.id, new.tenant, new.live, new.asset, new.amount))
EXECUTE FUNCTION payments.refuse_rewriting();

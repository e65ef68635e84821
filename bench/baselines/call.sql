-- A book kept by one hand-written function call a request: what a careful team writes instead of
-- an ORM.
CREATE TABLE account (
    id bigint PRIMARY KEY,
    currency text NOT NULL,
    balance numeric NOT NULL DEFAULT 0,
    floor numeric,
    CHECK (floor IS NULL OR balance >= floor)
);

CREATE TABLE transfer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    idempotency_key text NOT NULL UNIQUE,
    request_hash bytea NOT NULL,
    debit_account_id bigint NOT NULL REFERENCES account,
    credit_account_id bigint NOT NULL REFERENCES account,
    amount numeric NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    reference text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transfer_reference ON transfer (reference);

CREATE TABLE entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id bigint NOT NULL REFERENCES transfer,
    account_id bigint NOT NULL REFERENCES account,
    amount numeric NOT NULL,
    balance numeric NOT NULL
);
CREATE INDEX entry_transfer ON entry (transfer_id);
CREATE INDEX entry_account ON entry (account_id, id);

CREATE FUNCTION post_transfer(
    a_key text, a_hash bytea, a_debit bigint, a_credit bigint, a_amount numeric, a_currency text,
    a_reference text, OUT status smallint, OUT id bigint, OUT created_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    known record;
    payer account;
    payee account;
    payer_balance numeric;
    payee_balance numeric;
BEGIN
    -- Both rows in id order: two opposite transfers cannot wait for each other. Two under one key
    -- take turns here too, unless they name other accounts: then the unique index stops the second.
    PERFORM FROM account a WHERE a.id IN (a_debit, a_credit) ORDER BY a.id FOR UPDATE;
    SELECT t.id, t.request_hash, t.created_at INTO known
        FROM transfer t WHERE t.idempotency_key = a_key;
    IF FOUND THEN
        status := CASE WHEN known.request_hash = a_hash THEN 200 ELSE 422 END;
        id := known.id;
        created_at := known.created_at;
        RETURN;
    END IF;
    SELECT * INTO payer FROM account a WHERE a.id = a_debit;
    SELECT * INTO payee FROM account a WHERE a.id = a_credit;
    IF payer.id IS NULL OR payee.id IS NULL THEN
        status := 404;
        RETURN;
    END IF;
    IF payer.currency <> a_currency OR payee.currency <> a_currency
        OR (payer.floor IS NOT NULL AND payer.balance - a_amount < payer.floor)
    THEN
        status := 422;
        RETURN;
    END IF;
    UPDATE account a SET balance = a.balance - a_amount WHERE a.id = a_debit
        RETURNING a.balance INTO payer_balance;
    UPDATE account a SET balance = a.balance + a_amount WHERE a.id = a_credit
        RETURNING a.balance INTO payee_balance;
    INSERT INTO transfer AS t (
        idempotency_key, request_hash, debit_account_id, credit_account_id, amount, currency,
        reference
    ) VALUES (a_key, a_hash, a_debit, a_credit, a_amount, a_currency, a_reference)
        RETURNING t.id, t.created_at INTO id, created_at;
    INSERT INTO entry (transfer_id, account_id, amount, balance)
        VALUES (id, a_debit, -a_amount, payer_balance), (id, a_credit, a_amount, payee_balance);
    status := 201;
END;
$$;

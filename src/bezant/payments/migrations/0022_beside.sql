-- Charges that a payer was charged beside a payment: another charge had taken its place. Their money is in `suspense`
-- until it is given back, and here it says which charge that is and what was given back of it.
CREATE TABLE payments.beside (
    attempt uuid PRIMARY KEY,
    noted_at timestamptz NOT NULL,
    amount numeric(32, 0) NOT NULL CHECK (amount >= 0), -- What was captured; nothing if it is only set aside.
    reference text, -- By which the provider knows it.
    part text
);
CREATE INDEX beside_reference ON payments.beside (hashtextextended(reference, 0));

-- Given back at the provider: each movement once, and less than nothing where one came back.
CREATE TABLE payments.beside_back (
    attempt uuid NOT NULL REFERENCES payments.beside,
    part text NOT NULL,
    noted_at timestamptz NOT NULL,
    amount numeric(32, 0) NOT NULL,
    PRIMARY KEY (attempt, part)
);

GRANT SELECT, INSERT ON payments.beside, payments.beside_back TO bezant_payments;
GRANT UPDATE (amount) ON payments.beside TO bezant_payments;

-- What is told of them; the rest is as it was.
CREATE OR REPLACE VIEW payments.step_event AS
SELECT
    s.ticket,
    encode(substr(sha256(int8send(s.ticket) || uuid_send(s.payment)), 1, 16), 'hex')::uuid AS id,
    CASE
        WHEN s.kind < 20 THEN 'payment.' || payments.name_of(
            'created processing needs_action unknown authorized captured declined voided expired failed retried '
            'step_failed payer_forgotten charged_beside beside_given_back', s.kind
        )
        WHEN s.kind < 40
            THEN 'refund.' || payments.name_of(
                'created approved rejected unknown succeeded failed came_back', s.kind - 20
            )
        ELSE 'dispute.' || payments.name_of('opened under_review won lost', s.kind - 40)
    END AS type,
    1 AS version,
    CASE WHEN p.live THEN 'live' ELSE 'test' END AS mode,
    'mer_' || replace(p.tenant::text, '-', '') AS tenant,
    CASE
        WHEN s.kind < 20 THEN 'pay_' || replace(s.payment::text, '-', '')
        WHEN s.kind < 40 THEN 're_' || replace(s.subject::text, '-', '')
        ELSE 'dp_' || replace(s.subject::text, '-', '')
    END AS subject,
    s.at AS occurred_at,
    json_strip_nulls(json_build_object(
        'object', CASE WHEN s.kind < 20 THEN 'payment' WHEN s.kind < 40 THEN 'refund' ELSE 'dispute' END,
        'id', CASE
            WHEN s.kind < 20 THEN 'pay_' || replace(s.payment::text, '-', '')
            WHEN s.kind < 40 THEN 're_' || replace(s.subject::text, '-', '')
            ELSE 'dp_' || replace(s.subject::text, '-', '')
        END,
        'payment', 'pay_' || replace(s.payment::text, '-', ''),
        'state', CASE
            WHEN s.kind < 20 THEN payments.name_of(
                'created processing needs_action unknown authorized partly_captured succeeded declined voided expired '
                'failed', s.state
            )
            WHEN s.kind < 40 THEN payments.name_of(
                'needs_approval processing unknown succeeded failed rejected', s.state
            )
            ELSE payments.name_of('opened under_review won lost', s.state)
        END,
        'amount', payments.money(CASE WHEN s.kind < 20 THEN p.amount ELSE s.amount END, p.exponent, p.asset),
        'part', CASE WHEN s.kind IN (6, 14, 15) THEN payments.money(s.amount, p.exponent, p.asset) END,
        'authorized', payments.money(s.authorized, p.exponent, p.asset),
        'captured', payments.money(s.captured, p.exponent, p.asset),
        'refunded', payments.money(s.refunded, p.exponent, p.asset),
        'disputed', payments.money(s.disputed, p.exponent, p.asset),
        'method', payments.name_of('card bank_account bank_transfer paypal crypto', p.method),
        'capture', p.captures,
        'customer', 'cus_' || replace(p.customer::text, '-', ''),
        'order', p.order_id,
        'description', CASE
            WHEN p.customer IS NULL OR NOT coalesce((
                SELECT c.forgotten FROM payments.customer AS c WHERE c.id = p.customer
            ), false) THEN p.details ->> 'description'
        END,
        'metadata', p.metadata,
        'attempt', CASE
            WHEN s.attempt > 0
                THEN 'att_' || replace(payments.attempt_of(s.payment, s.attempt)::text, '-', '')
        END,
        'provider', a.provider,
        'reference', coalesce(o.reference, b.reference),
        'declined', payments.name_of(
            'authentication_failed authentication_required card_declined do_not_honor expired_card fraud_suspected '
            'incorrect_cvc incorrect_number insufficient_funds limit_exceeded lost_or_stolen method_not_supported '
            'payer_cancelled processing_error returned try_again_later other', o.decline
        ),
        'created_at', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'trace_id', replace(s.trace::text, '-', '')
    )) AS data
FROM payments.step AS s
LEFT JOIN payments.payment AS p ON p.id = s.payment
LEFT JOIN payments.attempt AS a ON a.id = payments.attempt_of(s.payment, s.attempt)
LEFT JOIN payments.outcome AS o ON o.attempt = payments.attempt_of(s.payment, s.attempt)
LEFT JOIN payments.beside AS b ON s.kind IN (14, 15) AND b.attempt = payments.attempt_of(s.payment, s.attempt);

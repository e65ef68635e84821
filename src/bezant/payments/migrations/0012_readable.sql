-- The table that operators of the merchant family read. Names and addresses of who was forgotten are gone from our
-- own tables; here they read as that family's readers expect.
CREATE VIEW payments.payments AS
SELECT
    'pay_' || replace(p.id::text, '-', '') AS id,
    CASE WHEN p.live THEN 'live' ELSE 'test' END AS mode,
    'mer_' || replace(p.tenant::text, '-', '') AS merchant,
    payments.decimal(p.amount, p.exponent)::numeric AS amount,
    p.asset AS currency,
    payments.name_of(
        'created processing needs_action unknown authorized partly_captured succeeded declined voided expired failed',
        p.state
    ) AS status,
    CASE WHEN c.forgotten THEN 'redacted@example.com' ELSE c.email END AS customer_email,
    CASE WHEN c.forgotten THEN 'Redacted' ELSE c.name END AS customer_name,
    'cus_' || replace(p.customer::text, '-', '') AS customer_id,
    p.order_id,
    p.provider,
    o.reference AS psp_reference,
    payments.decimal(p.captured, p.exponent)::numeric AS captured_amount,
    payments.decimal(p.refunded, p.exponent)::numeric AS refunded_amount,
    p.created_at,
    p.updated_at
FROM payments.payment AS p
LEFT JOIN payments.customer AS c ON c.id = p.customer
LEFT JOIN payments.outcome AS o ON p.charge > 0 AND o.attempt = payments.attempt_of(p.id, p.charge);

GRANT SELECT ON payments.payments TO bezant_payments;

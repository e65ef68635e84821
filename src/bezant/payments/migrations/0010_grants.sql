-- What the module may do by itself. What ended and what happened is only ever added to.
GRANT SELECT ON ALL TABLES IN SCHEMA payments TO bezant_payments;
GRANT INSERT, UPDATE
ON payments.payment, payments.refund, payments.customer, payments.method, payments.dispute TO bezant_payments;
GRANT INSERT, UPDATE, DELETE
ON payments.pending, payments.request, payments.routing_rule, payments.fee_rule, payments.arrival TO bezant_payments;
GRANT INSERT ON payments.attempt, payments.outcome, payments.step, payments.settlement, payments.settled_line
TO bezant_payments;
GRANT USAGE ON SEQUENCE payments.step_ticket TO bezant_payments;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA payments FROM public;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA payments TO bezant_payments;

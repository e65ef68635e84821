-- What was counted under limits long ago goes a piece at a time: first what payments took, and what became of it, then
-- the periods. All of a period at once could take longer than any statement may.
GRANT DELETE ON payments.limit_taken, payments.limit_change TO bezant_payments;

-- What a provider's event said is kept until it was acted on. Afterwards its digest tells which bytes they were, and
-- the payment, the dispute or the refund what came of them. Of events nobody could act on all is kept, for whoever
-- looks.
ALTER TABLE payments.arrival ADD COLUMN digest bytea CHECK (length(digest) = 32);

-- Where a provider gives nothing back by itself, somebody sends the money at the provider's own pages and tells us by
-- what name it is known there.
ALTER TABLE payments.refund ADD COLUMN sent text;

-- Money without an order goes back in tries: one that came to nothing is followed by another one
-- under a key of its own. What is told of it stands in `evidence` once it is true, or says why not.

ALTER TABLE order_payment
ADD COLUMN tries smallint NOT NULL DEFAULT 0,
ADD COLUMN refund text NOT NULL DEFAULT '', -- The refund that was asked for last.
ADD COLUMN begun_at timestamptz, -- When giving back began.
ADD COLUMN stuck boolean NOT NULL DEFAULT false; -- Somebody was told to look.

UPDATE order_payment
SET refund = split_part(evidence, ' ', 2)
WHERE due_at IS NOT NULL AND giving_back AND evidence LIKE 'refund re\_%';

-- So far it said `voided` when that was asked for: now it is said when it is so.
UPDATE order_payment
SET evidence = ''
WHERE due_at IS NOT NULL AND giving_back;

GRANT UPDATE (tries, refund, begun_at, stuck) ON order_payment TO bezant_orders;

-- What happened in this module, appended in the transaction that made it happen. A ticket is drawn
-- when a row is written; positions are given later, when the row is visible to everybody.
CREATE SEQUENCE event_ticket AS bigint;

CREATE TABLE event (
  -- The transaction has its number before it draws a ticket: the sequencer's reckoning rests on
  -- that order.
  ticket bigint PRIMARY KEY DEFAULT nextval(
    CASE WHEN pg_current_xact_id() IS NOT NULL THEN '{schema}.event_ticket'::regclass END
  ),
  id uuid NOT NULL UNIQUE,
  type text NOT NULL,
  version int NOT NULL CHECK (version > 0),
  mode text NOT NULL CHECK (mode IN ('test', 'live')),
  tenant text NOT NULL,
  subject text NOT NULL,
  occurred_at timestamptz NOT NULL,
  data json NOT NULL
);

GRANT SELECT, INSERT ON event TO {role};
GRANT USAGE ON SEQUENCE event_ticket TO {role};

-- The positions of this module's events. One row is a run of tickets without a gap: the first
-- ticket of the run has the run's position, the next ticket the next one. Rows are only ever
-- inserted, by one sequencer at a time.
CREATE TABLE feed_run (
  position bigint PRIMARY KEY CHECK (position > 0),
  first_ticket bigint NOT NULL,
  last_ticket bigint NOT NULL,
  -- Up to here every ticket has its position or was never written: a sequencer that starts looks no
  -- further back.
  settled bigint NOT NULL,
  CHECK (first_ticket <= last_ticket),
  -- No ticket has two positions, whatever a sequencer believes.
  EXCLUDE USING gist (int8range(first_ticket, last_ticket, '[]') WITH &&)
);

GRANT SELECT, INSERT ON feed_run TO {role};

-- How far business time is ahead of the machine's. Only a demo follows it, and it never goes back.
CREATE TABLE business_clock (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  -- Ten years are more than any due time lies ahead, and no date runs over.
  ahead_seconds bigint NOT NULL
  CONSTRAINT business_clock_within_bounds CHECK (ahead_seconds BETWEEN 0 AND 315576000)
);
INSERT INTO business_clock (ahead_seconds) VALUES (0);
GRANT SELECT ON business_clock TO bezant_jobs;

-- Move business time ahead, and wake every process that follows it.
CREATE FUNCTION move_business_clock(_seconds bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = jobs, pg_temp AS $$
DECLARE
  _ahead bigint;
BEGIN
  IF _seconds < 0 THEN
    RAISE check_violation USING CONSTRAINT = 'business_clock_forward', MESSAGE = 'time never goes back';
  END IF;
  UPDATE business_clock SET ahead_seconds = ahead_seconds + _seconds
  RETURNING ahead_seconds INTO _ahead;
  PERFORM pg_notify('bezant_clock', '');
  RETURN _ahead;
END $$;

GRANT EXECUTE ON FUNCTION move_business_clock TO bezant_jobs;

-- The doors to the queue. A module's role enters through these functions and reaches nothing else
-- of this schema.
GRANT USAGE ON SCHEMA jobs TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO bezant_jobs;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA jobs TO bezant_jobs;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA jobs TO bezant_jobs;

-- When each tick was last called and last came to an end.
CREATE TABLE tick (
  name text PRIMARY KEY,
  queue text NOT NULL,
  every_seconds double precision NOT NULL CHECK (every_seconds > 0),
  called_at timestamptz NOT NULL DEFAULT '-infinity',
  ended_at timestamptz,
  trouble text NOT NULL DEFAULT '',
  failures int NOT NULL DEFAULT 0
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tick TO bezant_jobs;

-- Put a job into the caller's own queue, in the caller's transaction; while one with the same key
-- waits, do nothing.
CREATE FUNCTION enqueue(_queue text, _task text, _key text, _lock text, _arguments jsonb)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = jobs, pg_temp AS $$
BEGIN
  IF session_user <> 'bezant_' || _queue
    AND NOT pg_has_role(session_user, 'bezant_jobs_owner', 'MEMBER')
  THEN
    RAISE insufficient_privilege USING MESSAGE = 'a module fills its own queue only';
  END IF;
  INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, lock, args)
  VALUES (_queue, _task, _key, _lock, _arguments)
  ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING;
  RETURN FOUND;
END $$;

-- Fail unless this job is still in this worker's hands, and keep it there until the caller's
-- transaction ends: whoever looks for the jobs of dead workers passes it by until then.
CREATE FUNCTION hold(_job bigint, _worker bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = jobs, pg_temp AS $$
BEGIN
  PERFORM FROM procrastinate_jobs
  WHERE id = _job AND worker_id = _worker AND status = 'doing'
  FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'BZJ01', MESSAGE = 'this turn was given to another worker';
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION enqueue, hold TO PUBLIC;

-- Call every tick that is due, once, whoever asks. A tick that still waits is not called twice.
CREATE FUNCTION call_ticks(_names text[], _queues text[], _every double precision[]) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  _called int;
BEGIN
  INSERT INTO tick (name, queue, every_seconds)
  SELECT asked.name, asked.queue, asked.every
  FROM unnest(_names, _queues, _every) AS asked (name, queue, every)
  WHERE NOT EXISTS (
    SELECT FROM tick
    WHERE tick.name = asked.name AND tick.queue = asked.queue AND tick.every_seconds = asked.every
  )
  ON CONFLICT (name) DO UPDATE SET queue = excluded.queue, every_seconds = excluded.every_seconds;

  WITH due AS (
    SELECT tick.name FROM tick
    WHERE tick.name = ANY (_names)
      -- Later than now is a clock that was set back: do not wait for it to catch up.
      AND (clock_timestamp() >= called_at + make_interval(secs => tick.every_seconds)
        OR called_at > clock_timestamp() + make_interval(secs => tick.every_seconds))
    ORDER BY tick.name
    FOR UPDATE SKIP LOCKED
  ), called AS (
    UPDATE tick SET called_at = clock_timestamp()
    FROM due WHERE tick.name = due.name
    RETURNING tick.name, tick.queue
  ), queued AS (
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, lock)
    SELECT called.queue, called.name, called.name, called.name FROM called
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
    RETURNING id
  )
  SELECT count(*) INTO _called FROM queued;
  RETURN _called;
END $$;

-- Take jobs from workers that have not been heard of: each becomes a new job, so that the old
-- worker, should it wake up, finds that its turn is over.
CREATE FUNCTION rescue(_seconds double precision, _attempts_max int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  _rescued int;
BEGIN
  WITH stalled AS (
    SELECT job.id FROM procrastinate_jobs AS job
    LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND (
      worker.id IS NULL
      OR worker.last_heartbeat < clock_timestamp() - make_interval(secs => _seconds)
    )
    ORDER BY job.id
    FOR UPDATE OF job SKIP LOCKED
  ), ended AS (
    UPDATE procrastinate_jobs AS job SET status = 'failed', attempts = job.attempts + 1
    FROM stalled WHERE job.id = stalled.id
    RETURNING
      job.queue_name, job.task_name, job.priority, job.lock, job.queueing_lock, job.args,
      job.attempts
  ), again AS (
    INSERT INTO procrastinate_jobs
      (queue_name, task_name, priority, lock, queueing_lock, args, attempts)
    SELECT queue_name, task_name, priority, lock, queueing_lock, args, attempts
    FROM ended WHERE attempts < _attempts_max
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
    RETURNING id
  )
  SELECT count(*) INTO _rescued FROM ended;
  RETURN _rescued;
END $$;

-- Delete what came to a bad end long ago.
CREATE FUNCTION forget(_seconds double precision) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  _forgotten int;
BEGIN
  DELETE FROM procrastinate_jobs AS job
  WHERE status IN ('failed', 'cancelled', 'aborted') AND NOT EXISTS (
    SELECT FROM procrastinate_events AS event
    WHERE event.job_id = job.id AND event.at > clock_timestamp() - make_interval(secs => _seconds)
  );
  GET DIAGNOSTICS _forgotten = ROW_COUNT;
  RETURN _forgotten;
END $$;

GRANT EXECUTE ON FUNCTION call_ticks, rescue, forget TO bezant_jobs;

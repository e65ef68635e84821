-- The table that operators of the merchant family read, and write in one way: `UPDATE webhook_events SET
-- status = 'pending', retry_count = 0 WHERE id = 'evt_…'` delivers an event again, under the same id.
CREATE VIEW webhook_events AS
SELECT
    'evt_' || replace(e.id::text, '-', '') AS id,
    told.status,
    told.retry_count,
    e.taken_at AS created_at,
    e.type,
    e.tenant AS merchant,
    e.mode
FROM public_event AS e
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN bool_or(d.state = 'failed') THEN 'failed'
            WHEN bool_or(d.state = 'pending') THEN 'pending'
            ELSE 'delivered'
        END AS status,
        max(d.retries) AS retry_count
    FROM delivery AS d
    WHERE d.event_number = e.number
    HAVING count(*) > 0
) AS told;

-- What failed goes out again; if nothing failed, everything does. A time that is always past makes it due at once,
-- whatever our clock says, and a raised fence makes worthless what is under way.
CREATE FUNCTION redeliver() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = webhooks, pg_temp AS $$
DECLARE
    place bigint;
BEGIN
    IF new.status IS DISTINCT FROM 'pending' OR new.retry_count IS DISTINCT FROM 0
        OR (new.id, new.created_at, new.type, new.merchant, new.mode)
        IS DISTINCT FROM (old.id, old.created_at, old.type, old.merchant, old.mode) THEN
        RAISE EXCEPTION 'an event is only ever set to status = ''pending'', retry_count = 0'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'webhook_events_redeliver_only';
    END IF;
    SELECT number INTO place FROM public_event WHERE id = substr(old.id, 5)::uuid;
    UPDATE delivery AS d
    SET state = 'pending', retries = 0, due_at = 'epoch', leased_until = 'epoch', fence = fence + 1, settled_at = NULL
    FROM endpoint AS e
    WHERE d.event_number = place
        AND e.id = d.endpoint_id
        AND e.state <> 'deleted'
        AND (d.state = 'failed' OR old.status <> 'failed');
    RETURN new;
END $$;
REVOKE ALL ON FUNCTION redeliver() FROM PUBLIC;

CREATE TRIGGER webhook_events_redeliver
INSTEAD OF UPDATE ON webhook_events
FOR EACH ROW EXECUTE FUNCTION redeliver();

GRANT SELECT, UPDATE ON webhook_events TO bezant_webhooks;

-- The table that operators of the merchant family read: who did what, and when. What happened is as the log committed
-- to it, with its place there; what was asked is from the log of requests, where it changed something or was refused.
CREATE VIEW audit.audit_log AS
SELECT
    'entry ' || o.leaf AS id,
    o.occurred_at AS created_at,
    o.mode,
    o.tenant AS merchant,
    o.event::jsonb #>> '{data,by}' AS actor,
    o.type AS action,
    o.subject AS resource,
    NULL::smallint AS status,
    NULL::text AS ip_address,
    o.event::jsonb -> 'data' AS details,
    o.leaf AS log_index
FROM audit.opening AS o
UNION ALL
SELECT
    r.id,
    r.at AS created_at,
    r.mode,
    r.tenant AS merchant,
    r.subject AS actor,
    r.method || ' ' || r.route AS action,
    r.about AS resource,
    r.status,
    r.address AS ip_address,
    CASE WHEN r.code = '' THEN NULL ELSE jsonb_build_object('code', r.code, 'detail', r.detail) END AS details,
    NULL::bigint AS log_index
FROM audit.request AS r
WHERE r.method <> 'GET' OR r.status >= 400;

GRANT SELECT ON audit.audit_log TO bezant_audit;

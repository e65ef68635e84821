-- What happened, as the world may read it, and who is told: events once, endpoints, and one delivery for each pair.
--
-- An event's number is its place in the list that readers resume from. Numbers are drawn under one lock that is held
-- until the commit, so whoever sees a number sees every lower one that will ever exist; gaps mean nothing.
CREATE TABLE public_event (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL CONSTRAINT public_event_once UNIQUE,
    type text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    tenant text NOT NULL,
    subject text NOT NULL,
    occurred_at timestamptz NOT NULL,
    taken_at timestamptz NOT NULL,
    data json NOT NULL
);
CREATE INDEX public_event_list ON public_event (tenant, mode, number);
CREATE INDEX public_event_subject ON public_event (subject);

CREATE TABLE endpoint (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    description text NOT NULL CHECK (length(description) <= 500),
    -- `*`, `payment.*` or `payment.captured`.
    events text [] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 100),
    payload text NOT NULL CHECK (payload IN ('snapshot', 'thin')),
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled', 'deleted')),
    disabled_because text CHECK (disabled_because IN ('owner', 'gone', 'failing')),
    disabled_at timestamptz,
    -- Rises with every change: what a sender remembers of an endpoint is as good as this number.
    version integer NOT NULL DEFAULT 1,
    failing_since timestamptz,
    -- Asked for by the endpoint itself (Retry-After); nothing is sent before.
    paused_until timestamptz NOT NULL DEFAULT 'epoch',
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CHECK ((state = 'disabled') = (disabled_because IS NOT NULL)),
    CHECK ((disabled_because IS NULL) = (disabled_at IS NULL))
);
CREATE INDEX endpoint_tenant ON endpoint (tenant, mode, id) WHERE state <> 'deleted';

-- Sealed with the key room's data key, bound to its id: a hash could not sign. The rows of an endpoint overlap while
-- its secret is rotated.
CREATE TABLE secret (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES endpoint (id),
    scheme text NOT NULL CHECK (scheme IN ('v1', 'v1a')),
    sealed bytea NOT NULL,
    public_key text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    CHECK ((scheme = 'v1a') = (public_key IS NOT NULL))
);
CREATE INDEX secret_endpoint ON secret (endpoint_id, created_at);

-- Who claims a delivery raises its fence, and only that fence may settle it: a worker that was frozen while another
-- one took over changes nothing when it wakes up.
CREATE TABLE delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_number bigint NOT NULL REFERENCES public_event (number),
    endpoint_id uuid NOT NULL REFERENCES endpoint (id),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    retries integer NOT NULL DEFAULT 0 CHECK (retries >= 0),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at timestamptz NOT NULL,
    leased_until timestamptz NOT NULL DEFAULT 'epoch',
    fence integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT delivery_once UNIQUE (event_number, endpoint_id),
    CHECK ((state = 'pending') = (settled_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX delivery_due ON delivery (endpoint_id, due_at) WHERE state = 'pending';
CREATE INDEX delivery_list ON delivery (endpoint_id, id);

CREATE TABLE attempt (
    delivery_id bigint NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number integer NOT NULL,
    started_at timestamptz NOT NULL,
    milliseconds integer NOT NULL,
    outcome text NOT NULL,
    status smallint,
    answer text NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

-- The filters that an event of this type passes: `a.b.c` passes `*`, `a.*`, `a.b.*` and `a.b.c`.
CREATE FUNCTION webhooks.filters_of(type text) RETURNS text []
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['*', type] || array(
    SELECT array_to_string((string_to_array(type, '.'))[:parts], '.') || '.*'
    FROM generate_series(1, cardinality(string_to_array(type, '.')) - 1) AS parts
);

-- Takes events once each, in the order given, and makes a delivery for every endpoint that asked for them; or, for a
-- test, for one endpoint alone. Returns how many deliveries were made.
CREATE FUNCTION webhooks.take_events(
    ids uuid [], types text [], versions integer [], modes text [], tenants text [], subjects text [],
    occurred timestamptz [], snapshots text [], at timestamptz, alone uuid
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7004, 0);
    WITH placed AS (
        INSERT INTO webhooks.public_event (
            id, type, version, mode, tenant, subject, occurred_at, taken_at, data
        )
        SELECT told.id, told.type, told.version, told.mode, told.tenant, told.subject, told.occurred_at, at,
            told.data::json
        FROM unnest(ids, types, versions, modes, tenants, subjects, occurred, snapshots) WITH ORDINALITY
            AS told (id, type, version, mode, tenant, subject, occurred_at, data, place)
        ORDER BY told.place
        ON CONFLICT (id) DO NOTHING
        RETURNING number, public_event.type, public_event.mode, public_event.tenant
    )
    INSERT INTO webhooks.delivery (event_number, endpoint_id, due_at, created_at)
    SELECT placed.number, e.id, at, at
    FROM placed
    JOIN webhooks.endpoint AS e ON e.tenant = placed.tenant AND e.mode = placed.mode AND e.state = 'enabled'
        AND CASE WHEN alone IS NULL THEN e.events && webhooks.filters_of(placed.type) ELSE e.id = alone END
    ORDER BY placed.number, e.id;
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $$;

GRANT SELECT, INSERT, DELETE ON public_event, delivery, attempt TO bezant_webhooks;
GRANT SELECT, INSERT ON endpoint, secret TO bezant_webhooks;
GRANT UPDATE (
    url, description, events, payload, state, disabled_because, disabled_at, version, failing_since, paused_until
) ON endpoint TO bezant_webhooks;
GRANT UPDATE (expires_at) ON secret TO bezant_webhooks;
GRANT UPDATE (state, retries, attempts, due_at, leased_until, fence, settled_at) ON delivery TO bezant_webhooks;
GRANT EXECUTE ON FUNCTION webhooks.filters_of(text) TO bezant_webhooks;
GRANT EXECUTE ON FUNCTION webhooks.take_events(
    uuid [], text [], integer [], text [], text [], text [], timestamptz [], text [], timestamptz, uuid
) TO bezant_webhooks;

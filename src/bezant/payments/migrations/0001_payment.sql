-- Payments and what was asked of providers for them.
--
-- Ids: a payment's id ends in a zero byte, and an attempt's id is its payment's id with the attempt's number there. So
-- an attempt tells its payment without a look-up, and the attempts of a payment are a range of one index.
-- Amounts are whole minor units. States, methods and results are numbers; codes.py names them.

CREATE TABLE payments.payment (
    id uuid PRIMARY KEY CHECK (get_byte(uuid_send(id), 15) = 0),
    tenant uuid NOT NULL,
    customer uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,  -- Until when the money stays set aside.
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 11),
    attempts smallint NOT NULL CHECK (attempts BETWEEN 0 AND 255),  -- How many there are.
    charge smallint NOT NULL,  -- The number of the charge that counts; 0: none yet.
    busy smallint NOT NULL,  -- The number of the charge, capture or void under way; 0: none.
    method smallint,
    exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 18),
    live boolean NOT NULL,
    captures boolean NOT NULL,  -- As soon as it is authorized.
    asset text NOT NULL,
    amount numeric(32, 0) NOT NULL CHECK (amount > 0),
    authorized numeric(32, 0) NOT NULL DEFAULT 0 CHECK (authorized >= 0),
    captured numeric(32, 0) NOT NULL DEFAULT 0 CHECK (captured >= 0 AND captured <= authorized),
    refunded numeric(32, 0) NOT NULL DEFAULT 0  -- Given back, or being given back.
    CHECK (refunded >= 0 AND refunded <= captured),
    disputed numeric(32, 0) NOT NULL DEFAULT 0 CHECK (disputed >= 0),
    fee numeric(32, 0) NOT NULL DEFAULT 0 CHECK (fee >= 0),
    cost numeric(32, 0),  -- What the provider charged us.
    provider text,
    card text,
    order_id text,
    details jsonb,  -- Description, descriptor, return address, country, priority: those that were given.
    metadata jsonb,
    changed jsonb  -- Description and metadata as they were changed later.
) WITH (fillfactor = 55);  -- Nearly every row is updated once, soon: there is room for it beside the row.
CREATE INDEX payment_list ON payments.payment (tenant, live, id);
CREATE INDEX payment_order ON payments.payment (tenant, order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX payment_customer ON payments.payment (customer, id) WHERE customer IS NOT NULL;
CREATE INDEX payment_expires ON payments.payment (expires_at) WHERE expires_at IS NOT NULL;

-- What is asked of a provider, stored before it is asked.
CREATE TABLE payments.attempt (
    id uuid PRIMARY KEY,
    request uuid,  -- Whose answer waits for it.
    refund uuid,
    sent_at timestamptz NOT NULL,
    operation smallint NOT NULL CHECK (operation BETWEEN 1 AND 4),
    method smallint NOT NULL,
    ends boolean NOT NULL,  -- No capture follows this one.
    amount numeric(32, 0) NOT NULL CHECK (amount >= 0),
    provider text NOT NULL,
    card text,
    why text NOT NULL  -- Why this provider: routing.py spells it out.
);

-- How each attempt ended. A row is written once, by whoever learns it first: so nothing counts twice.
CREATE TABLE payments.outcome (
    attempt uuid PRIMARY KEY,
    settled_at timestamptz NOT NULL,
    result smallint NOT NULL,
    decline smallint,
    soft boolean,
    amount numeric(32, 0),  -- What moved, where it is not what was asked.
    cost numeric(32, 0),  -- What the provider kept.
    fee numeric(32, 0),  -- What we charged.
    payer jsonb,  -- What a refund needs to know of the payer's side.
    reference text,  -- The provider's name of the charge.
    part text,  -- The provider's name of the capture or refund.
    digest bytea,  -- SHA-256 of its answer.
    raw text  -- Its own word: a decline's code, or why it failed.
);
CREATE INDEX outcome_reference ON payments.outcome (hashtextextended(reference, 0)) WHERE reference IS NOT NULL;

-- Attempts that have not ended, and when somebody has to look after each. Empty in a platform at rest.
CREATE TABLE payments.pending (
    attempt uuid PRIMARY KEY,
    due_at timestamptz NOT NULL,
    fence integer NOT NULL DEFAULT 0,  -- Counted up by whoever takes it over; an older number changes nothing.
    asked integer NOT NULL DEFAULT 0,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 4),  -- 4: it has ended, and is not in the book.
    reference text,
    part text,
    action jsonb
);
CREATE INDEX pending_due ON payments.pending (due_at);
CREATE INDEX pending_reference ON payments.pending (hashtextextended(reference, 0)) WHERE reference IS NOT NULL;

-- Idempotency keys: 128 bits of SHA-256 over tenant, mode and key. Dropped after thirty days.
CREATE TABLE payments.request (
    id uuid PRIMARY KEY,
    subject uuid NOT NULL,  -- What it made: a payment, a refund, a customer.
    fingerprint bigint NOT NULL,  -- 64 bits of SHA-256 over what was asked.
    asked_at timestamptz NOT NULL,
    answer bytea  -- What was answered first; absent while nobody has been answered.
) WITH (fillfactor = 60);
CREATE INDEX request_asked ON payments.request USING brin (asked_at);

CREATE TABLE payments.refund (
    id uuid PRIMARY KEY,
    payment uuid NOT NULL,
    tenant uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 6),
    attempt smallint NOT NULL DEFAULT 0,
    live boolean NOT NULL,
    amount numeric(32, 0) NOT NULL CHECK (amount > 0),
    requested_by text NOT NULL,
    approval text,
    reason text,
    failure text,
    metadata jsonb
);
CREATE INDEX refund_payment ON payments.refund (payment, id);
CREATE INDEX refund_list ON payments.refund (tenant, live, id);
CREATE INDEX refund_approval ON payments.refund (approval) WHERE approval IS NOT NULL AND state = 1;

-- What happened, in order: the timeline and the source of the feed. Never updated.
CREATE SEQUENCE payments.step_ticket AS bigint;
CREATE TABLE payments.step (
    -- The transaction has its number before it draws the ticket, as a feed's rows must.
    ticket bigint PRIMARY KEY
    DEFAULT nextval(CASE WHEN pg_current_xact_id() IS NOT NULL THEN 'payments.step_ticket'::regclass END),
    payment uuid NOT NULL,
    subject uuid,  -- The refund or dispute it happened to; absent: the payment.
    at timestamptz NOT NULL,
    kind smallint NOT NULL,
    state smallint NOT NULL,  -- Of the subject, after it; as are the amounts, of the payment.
    attempt smallint NOT NULL,
    authorized numeric(32, 0) NOT NULL,
    captured numeric(32, 0) NOT NULL,
    refunded numeric(32, 0) NOT NULL,
    disputed numeric(32, 0) NOT NULL,
    amount numeric(32, 0)  -- Of the capture, refund or dispute.
);

-- The id of a payment's attempt by its number.
CREATE FUNCTION payments.attempt_of(payment uuid, number integer) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN encode(set_byte(uuid_send(payment), 15, number), 'hex')::uuid;

-- Orders and what was paid for them. An order's sums come from its payments' facts by a trigger, its
-- status from its sums by the database itself: the module's role may set neither.

CREATE TABLE customer_order (
    id uuid NOT NULL,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    asset text NOT NULL,
    amount numeric(32, 0) NOT NULL CHECK (amount > 0),
    reference text NOT NULL,
    description text NOT NULL,
    customer text NOT NULL,
    metadata jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    idem bytea UNIQUE CHECK (length(idem) = 32),
    request bytea NOT NULL,
    held numeric(32, 0) NOT NULL DEFAULT 0,
    paid numeric(32, 0) NOT NULL DEFAULT 0,
    refunded numeric(32, 0) NOT NULL DEFAULT 0,
    disputed numeric(32, 0) NOT NULL DEFAULT 0,
    status text NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN paid = 0 AND held >= amount THEN 'authorized'
            WHEN paid = 0 THEN 'open'
            WHEN paid - refunded - disputed > amount THEN 'overpaid'
            WHEN paid - refunded - disputed = amount THEN 'paid'
            WHEN paid - refunded - disputed <= 0 THEN 'refunded'
            WHEN refunded + disputed > 0 THEN 'part_refunded'
            ELSE 'part_paid'
        END
    ) STORED,
    -- Merchants may choose ids themselves, so one's id says nothing about another's.
    PRIMARY KEY (tenant, mode, id)
);

CREATE UNIQUE INDEX customer_order_reference ON customer_order (tenant, mode, reference)
WHERE reference <> '';

-- What the payments' feed told of each payment that names an order, whether or not there is one.
CREATE TABLE order_payment (
    payment text PRIMARY KEY,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    said text NOT NULL, -- What the payment says it is for.
    order_id uuid,
    asset text NOT NULL,
    held numeric(32, 0) NOT NULL CHECK (held >= 0),
    paid numeric(32, 0) NOT NULL CHECK (paid >= 0),
    refunded numeric(32, 0) NOT NULL CHECK (refunded >= 0),
    disputed numeric(32, 0) NOT NULL CHECK (disputed >= 0),
    updated_at timestamptz NOT NULL,
    due_at timestamptz, -- When money without an order is given back.
    giving_back boolean NOT NULL DEFAULT false, -- From here on no order takes it any more.
    evidence text NOT NULL DEFAULT '',
    CHECK (order_id IS NULL OR NOT giving_back),
    FOREIGN KEY (tenant, mode, order_id) REFERENCES customer_order (tenant, mode, id)
);

CREATE INDEX order_payment_order ON order_payment (tenant, mode, order_id, payment)
WHERE order_id IS NOT NULL;

CREATE INDEX order_payment_said ON order_payment (tenant, mode, said)
WHERE order_id IS NULL;

CREATE INDEX order_payment_due ON order_payment (due_at)
WHERE due_at IS NOT NULL;

CREATE FUNCTION add_up_order() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = orders, pg_temp AS $$
BEGIN
    UPDATE customer_order AS o
    SET (held, paid, refunded, disputed) = (
        SELECT coalesce(sum(held), 0), coalesce(sum(paid), 0), coalesce(sum(refunded), 0), coalesce(sum(disputed), 0)
        FROM order_payment AS p
        WHERE p.tenant = o.tenant AND p.mode = o.mode AND p.order_id = o.id
    )
    WHERE o.tenant = new.tenant AND o.mode = new.mode AND o.id = new.order_id;
    RETURN NULL;
END $$;

CREATE TRIGGER order_payment_adds_up
AFTER INSERT OR UPDATE ON order_payment
FOR EACH ROW WHEN (new.order_id IS NOT NULL)
EXECUTE FUNCTION add_up_order();

CREATE TABLE payment_link (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    asset text NOT NULL,
    amount numeric(32, 0) NOT NULL CHECK (amount > 0),
    offer jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    closed_at timestamptz,
    uses integer NOT NULL DEFAULT 0 CHECK (uses >= 0),
    uses_max integer CHECK (uses_max > 0),
    idem bytea UNIQUE CHECK (length(idem) = 32),
    request bytea NOT NULL,
    -- The last word on "once only", whatever races.
    CONSTRAINT payment_link_uses CHECK (uses <= uses_max)
);

CREATE INDEX payment_link_list ON payment_link (tenant, mode, id);

CREATE TABLE checkout_session (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    order_id uuid NOT NULL,
    link_id uuid REFERENCES payment_link (id),
    asset text NOT NULL,
    amount numeric(32, 0) NOT NULL CHECK (amount > 0),
    offer jsonb NOT NULL,
    customer text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz, -- Nobody pays here any more, and its use of a link was given back.
    uses_link boolean NOT NULL DEFAULT false,
    payment text NOT NULL DEFAULT '',
    idem bytea UNIQUE CHECK (length(idem) = 32),
    request bytea NOT NULL,
    look_at timestamptz, -- When it is seen whether its payment came to nothing.
    CHECK (link_id IS NOT NULL OR NOT uses_link),
    FOREIGN KEY (tenant, mode, order_id) REFERENCES customer_order (tenant, mode, id)
);

CREATE INDEX checkout_session_list ON checkout_session (tenant, mode, id);

CREATE INDEX checkout_session_expires ON checkout_session (expires_at)
WHERE ended_at IS NULL;

CREATE INDEX checkout_session_holds ON checkout_session (payment)
WHERE uses_link;

CREATE INDEX checkout_session_look ON checkout_session (look_at)
WHERE look_at IS NOT NULL;

REVOKE ALL ON FUNCTION add_up_order() FROM PUBLIC;

GRANT SELECT, INSERT (
    id, tenant, mode, asset, amount, reference, description, customer, metadata, created_at,
    updated_at, idem, request
) ON customer_order TO bezant_orders;
GRANT UPDATE (updated_at) ON customer_order TO bezant_orders;
GRANT SELECT, INSERT, UPDATE (
    order_id, held, paid, refunded, disputed, updated_at, due_at, giving_back, evidence
) ON order_payment TO bezant_orders;
GRANT SELECT, INSERT, UPDATE (closed_at, uses) ON payment_link TO bezant_orders;
GRANT SELECT, INSERT, UPDATE (ended_at, uses_link, payment, look_at) ON checkout_session TO bezant_orders;

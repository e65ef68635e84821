-- Clients are registered by a merchant's own people too, and a signer's last use is remembered.

-- Who registered a client; empty for what came from a file.
ALTER TABLE client ADD COLUMN created_by text NOT NULL DEFAULT ''
CHECK (length(created_by) <= 100);

-- A merchant finds its realms, and pages of clients are read newest first.
CREATE INDEX realm_merchant ON realm (merchant_id);
CREATE INDEX client_realm ON client (realm, id);

ALTER TABLE signer ADD COLUMN last_used_at timestamptz;

GRANT UPDATE (last_used_at) ON signer TO bezant_identity;

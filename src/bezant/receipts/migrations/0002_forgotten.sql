-- Payments whose receipts nobody is to open any more, those that are issued later included.
CREATE TABLE forgotten (
    tenant text NOT NULL,
    payment text NOT NULL,
    PRIMARY KEY (tenant, payment)
);
GRANT SELECT, INSERT ON forgotten TO bezant_receipts;
-- Those whose receipts were closed before: what opens a receipt comes with it, and goes only then.
INSERT INTO forgotten (tenant, payment)
SELECT DISTINCT r.tenant, r.payment
FROM receipt AS r
WHERE NOT EXISTS (SELECT 1 FROM disclosure AS d WHERE d.receipt = r.id);

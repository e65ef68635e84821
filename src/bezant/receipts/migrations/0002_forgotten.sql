-- Payments whose receipts nobody is to open any more, those that are issued later included.
CREATE TABLE forgotten (
    tenant text NOT NULL,
    payment text NOT NULL,
    PRIMARY KEY (tenant, payment)
);
GRANT SELECT, INSERT ON forgotten TO bezant_receipts;

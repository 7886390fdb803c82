-- How units without NATS are told of their cases: where to (facts only; addresses and secrets stay sealed in the ledger), and each notice.
CREATE TABLE outlets (
    unit TEXT NOT NULL,
    carrier TEXT NOT NULL,
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    PRIMARY KEY (unit, carrier)
);
CREATE TABLE deliveries (
    carrier TEXT NOT NULL,
    notice BIGINT NOT NULL,
    unit TEXT NOT NULL,
    case_id BLOB NOT NULL,
    revision BIGINT NOT NULL,
    noticed_at BIGINT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    round BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (carrier, notice)
);
CREATE INDEX deliveries_due ON deliveries (state, unit, carrier, due_at);
CREATE INDEX deliveries_of_case ON deliveries (case_id);

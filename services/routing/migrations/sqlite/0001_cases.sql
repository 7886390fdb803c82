-- Which case is before which unit. Facts only: nothing personal.
CREATE TABLE cases (
    case_id BLOB NOT NULL PRIMARY KEY,
    code TEXT NOT NULL DEFAULT '',
    topic TEXT NOT NULL DEFAULT '',
    urgency TEXT NOT NULL DEFAULT '',
    level BIGINT NOT NULL DEFAULT 0,
    unit TEXT NOT NULL DEFAULT '',
    office TEXT NOT NULL DEFAULT '',
    revision BIGINT NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT '',
    closed BIGINT NOT NULL DEFAULT 0,
    dispatched_at BIGINT NOT NULL DEFAULT 0,
    dispatched_position BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX cases_of_unit ON cases (unit, dispatched_position);

-- Reviews that wait for a person. Codes only: nothing personal.
CREATE TABLE reviews (
    case_id BLOB NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    requested_at BIGINT NOT NULL,
    reasons TEXT NOT NULL,
    field TEXT NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    urgency TEXT NOT NULL,
    level BIGINT NOT NULL,
    confidence BIGINT NOT NULL
);
CREATE INDEX reviews_by_position ON reviews (position);

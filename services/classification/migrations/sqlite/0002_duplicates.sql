-- What is compared of reports: keyed hashes and codes, nothing that can be read back. Gone when the content is erased, or too old to compare.
CREATE TABLE sketches (
    case_id BLOB NOT NULL PRIMARY KEY,
    received_at BIGINT NOT NULL,
    source TEXT NOT NULL,
    words BLOB NOT NULL,
    street BIGINT NOT NULL,
    numbers BLOB NOT NULL,
    cells BLOB NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    urgency TEXT NOT NULL,
    level BIGINT NOT NULL,
    wards TEXT NOT NULL,
    found BIGINT NOT NULL,
    closed BIGINT NOT NULL,
    merged BIGINT NOT NULL
);
CREATE INDEX sketches_by_age ON sketches (received_at);
-- Where a classified report may be found: hashed street, cell and source, wards.
CREATE TABLE sketch_keys (
    place TEXT NOT NULL,
    topic TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    case_id BLOB NOT NULL,
    PRIMARY KEY (place, topic, received_at, case_id)
);
CREATE INDEX sketch_keys_by_case ON sketch_keys (case_id);
-- What a person has not decided yet.
CREATE TABLE suspicions (
    case_id BLOB NOT NULL PRIMARY KEY,
    of_case BLOB NOT NULL,
    score BIGINT NOT NULL,
    parts TEXT NOT NULL,
    position BIGINT NOT NULL,
    suspected_at BIGINT NOT NULL
);
CREATE INDEX suspicions_by_other ON suspicions (of_case);

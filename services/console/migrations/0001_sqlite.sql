-- The projection: disposable, built anew from the ledger. Codes, numbers and times only.
CREATE TABLE cases (
    case_id     BLOB PRIMARY KEY,
    code        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    received    INTEGER NOT NULL,
    complete    INTEGER NOT NULL,
    field       TEXT NOT NULL,
    topic       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    urgency     TEXT NOT NULL,
    level       INTEGER NOT NULL,
    destination TEXT NOT NULL,
    office      TEXT NOT NULL,
    unit        TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    state       TEXT NOT NULL,
    open        INTEGER NOT NULL,
    overdue     INTEGER NOT NULL,
    was_late    INTEGER NOT NULL,
    danger      INTEGER NOT NULL,
    emergency   TEXT NOT NULL,
    owed        TEXT NOT NULL,
    position    INTEGER NOT NULL
);
CREATE INDEX cases_by_received ON cases (received);
CREATE INDEX cases_by_code ON cases (code);
CREATE INDEX cases_open ON cases (state, received) WHERE open = 1;
CREATE INDEX cases_danger ON cases (received) WHERE open = 1 AND danger = 1;
CREATE INDEX cases_overdue ON cases (received) WHERE overdue = 1;
CREATE TABLE directory (
    kind  TEXT NOT NULL,
    code  TEXT NOT NULL,
    roles TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (kind, code)
);
-- Kept: people, their sessions, and wrong passwords.
CREATE TABLE people (
    login    TEXT PRIMARY KEY,
    password TEXT NOT NULL,
    role     TEXT NOT NULL,
    name     TEXT NOT NULL
);
CREATE TABLE sessions (
    token_sha256 TEXT PRIMARY KEY,
    login        TEXT NOT NULL REFERENCES people (login) ON DELETE CASCADE,
    csrf         TEXT NOT NULL,
    expires_at   INTEGER NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE TABLE sign_in_failures (
    login_sha256 TEXT NOT NULL,
    at           INTEGER NOT NULL
);
CREATE INDEX sign_in_failures_by_login ON sign_in_failures (login_sha256, at);

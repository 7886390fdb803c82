CREATE TABLE obligations (
    obligation   BYTEA PRIMARY KEY,
    case_id      BYTEA NOT NULL,
    what         TEXT NOT NULL,
    owner        TEXT NOT NULL,
    due          BIGINT NOT NULL, -- microseconds, UTC
    due_revision BIGINT NOT NULL,
    revision     BIGINT NOT NULL, -- which dispatch; 0 for none
    standing     TEXT NOT NULL     -- open, missed, met, met_late, overtaken
);
CREATE INDEX obligations_open ON obligations (due, obligation) WHERE standing = 'open';

CREATE TABLE obligations (
    obligation   BLOB PRIMARY KEY,
    case_id      BLOB NOT NULL,
    what         TEXT NOT NULL,
    owner        TEXT NOT NULL,
    due          INTEGER NOT NULL, -- microseconds, UTC
    due_revision INTEGER NOT NULL,
    revision     INTEGER NOT NULL, -- which dispatch; 0 for none
    standing     TEXT NOT NULL     -- open, missed, met, met_late, overtaken
);
CREATE INDEX obligations_open ON obligations (due, obligation) WHERE standing = 'open';

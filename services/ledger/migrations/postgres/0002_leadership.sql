-- Who writes, where they are reached, and when they last said that they still do (microseconds of the database's own clock).
ALTER TABLE head ADD COLUMN leader     TEXT   NOT NULL DEFAULT '';
ALTER TABLE head ADD COLUMN renewed_at BIGINT NOT NULL DEFAULT 0;

-- What was erased. Written in the transaction of its event; whoever opens the vault destroys these owners' keys first, so that neither a
-- crash nor a key store from a backup brings one back.
CREATE TABLE erasures (
    owner    BLOB   NOT NULL PRIMARY KEY,   -- the case
    position BIGINT NOT NULL                -- of its access.content_erased
) WITHOUT ROWID;
CREATE TRIGGER erasures_refuse_update BEFORE UPDATE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are append-only: what is erased stays erased'); END;
CREATE TRIGGER erasures_refuse_delete BEFORE DELETE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are append-only: what is erased stays erased'); END;
DROP TRIGGER bodies_refuse_update;
CREATE TRIGGER bodies_refuse_update BEFORE UPDATE ON bodies
WHEN NEW.position IS NOT OLD.position OR NEW.nonce IS NOT NULL OR NEW.sealed IS NOT NULL
  OR NOT (NEW.data IS OLD.data AND NEW.salt IS OLD.salt OR NEW.data IS NULL AND NEW.salt IS NULL)
BEGIN SELECT RAISE(ABORT, 'bodies are append-only: only the sealed part, or a body as a whole, may be erased'); END;

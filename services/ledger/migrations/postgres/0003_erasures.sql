-- What was erased. Written in the transaction of its event; whoever opens the vault destroys these owners' keys first, so that neither a
-- crash nor a key store from a backup brings one back.
CREATE TABLE erasures (
    owner    BYTEA  NOT NULL PRIMARY KEY,   -- the case
    position BIGINT NOT NULL                -- of its access.content_erased
);
CREATE TRIGGER erasures_refuse_change BEFORE UPDATE OR DELETE ON erasures
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasures_refuse_truncate BEFORE TRUNCATE ON erasures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DROP TRIGGER bodies_refuse_update ON bodies;
CREATE TRIGGER bodies_refuse_update BEFORE UPDATE ON bodies FOR EACH ROW
    WHEN (NEW.position IS DISTINCT FROM OLD.position OR NEW.nonce IS NOT NULL OR NEW.sealed IS NOT NULL
          OR NOT (NEW.data IS NOT DISTINCT FROM OLD.data AND NEW.salt IS NOT DISTINCT FROM OLD.salt
                  OR NEW.data IS NULL AND NEW.salt IS NULL))
    EXECUTE FUNCTION refuse_change();       -- only the sealed part, or a body as a whole, may be erased

-- As in the key store (its migration 3): a table written anew by ALTER TABLE holds no dead row, whoever looks on.
CREATE OR REPLACE FUNCTION blind.purge() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
$$ BEGIN
    ALTER TABLE blind.tokens ALTER COLUMN position TYPE bigint USING position + 0;
END $$;

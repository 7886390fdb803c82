-- CLUSTER copies a row that is dead but that some other session's snapshot may still see, key and all. ALTER TABLE, when it has to write the table
-- anew, copies what is alive and nothing else; that is why each expression below changes no value but is one.
CREATE OR REPLACE FUNCTION keys.purge() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
$$ BEGIN
    ALTER TABLE keys.data_keys ALTER COLUMN wrapped TYPE bytea USING wrapped || ''::bytea;
    ALTER TABLE keys.secrets ALTER COLUMN wrapped TYPE bytea USING wrapped || ''::bytea;
END $$;

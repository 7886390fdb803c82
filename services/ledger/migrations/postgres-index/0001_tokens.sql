-- The blind index: keyed hashes of words, phone numbers, e-mail addresses and ID numbers. Disposable: it is made anew from the ledger.
CREATE TABLE blind.tokens (
    token    BYTEA  NOT NULL,               -- 16 bytes of an HMAC under the vault's secret
    owner    BYTEA  NOT NULL,               -- the case
    position BIGINT NOT NULL,               -- of the event in whose sealed part it stands
    PRIMARY KEY (token, owner, position)
);
CREATE INDEX tokens_owner ON blind.tokens (owner);
CREATE TABLE blind.progress (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,               -- everything up to it is in the index
    secret   BYTEA  NOT NULL,               -- fingerprint of the secret; under another the index is made anew
    dirty    BIGINT NOT NULL                -- 1: something was erased whose bytes may still be in dead rows
);
INSERT INTO blind.progress VALUES (1, 0, ''::bytea, 0);
-- Rewrites the table, so that no dead row holds what was erased. A function of the owner's: the application's role owns nothing.
CREATE FUNCTION blind.purge() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
$$ BEGIN
    CLUSTER blind.tokens USING tokens_pkey;
END $$;

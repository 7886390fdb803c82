CREATE INDEX obligations_owed ON obligations (standing) WHERE standing IN ('open', 'missed');

-- Who must answer the dispute between the offices (vp_tu, vp_ubnd, leaders), or nobody; and to which office a person belongs.
ALTER TABLE cases ADD COLUMN disputed TEXT NOT NULL DEFAULT '';
CREATE INDEX cases_disputed ON cases (received) WHERE disputed <> '';
ALTER TABLE people ADD COLUMN office TEXT NOT NULL DEFAULT '';

-- What each unit was told, by position: dispatches, recalls, parts in a case, answers of citizens. Facts only: nothing personal.
CREATE TABLE notices (
    position BIGINT NOT NULL PRIMARY KEY,
    case_id BLOB NOT NULL,
    unit TEXT NOT NULL,
    office TEXT NOT NULL,
    revision BIGINT NOT NULL,
    joins BIGINT NOT NULL,
    finished BIGINT NOT NULL DEFAULT 0,
    told_at BIGINT NOT NULL
);
CREATE INDEX notices_of_unit ON notices (unit, position);
CREATE INDEX notices_of_case ON notices (case_id, revision);
-- Told from the beginning: the list of cases is read anew from the record.
DELETE FROM cases;
DELETE FROM checkpoints WHERE name = 'routing-cases';
DELETE FROM checkpoint_events WHERE name = 'routing-cases';

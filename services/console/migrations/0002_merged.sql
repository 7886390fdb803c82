-- Which case it is merged into, and how many others it stands for.
ALTER TABLE cases ADD COLUMN merged_into TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN stands_for BIGINT NOT NULL DEFAULT 0;

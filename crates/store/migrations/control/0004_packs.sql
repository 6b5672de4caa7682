-- A hit's picture lies in a pack outside the database; `picture` holds those of before.
ALTER TABLE sealed_hits ADD COLUMN pack BLOB;
ALTER TABLE sealed_hits ADD COLUMN pack_at INTEGER;
ALTER TABLE sealed_hits ADD COLUMN pack_len INTEGER;
ALTER TABLE sealed_hits ADD COLUMN pack_hash BLOB;

-- 1 once a dropped day has no pack any more.
ALTER TABLE partitions ADD COLUMN cleared INTEGER;

-- Pictures lie in objects outside the database, many in one: a pack. A read says where in which pack
-- its own is; `pictures` holds those of before.
CREATE TABLE packs (
  id BLOB NOT NULL PRIMARY KEY,
  bytes INTEGER NOT NULL
) STRICT;

ALTER TABLE reads ADD COLUMN pack BLOB;
ALTER TABLE reads ADD COLUMN pack_at INTEGER;
ALTER TABLE reads ADD COLUMN pack_len INTEGER;
-- SHA-256 of the sealed picture.
ALTER TABLE reads ADD COLUMN pack_hash BLOB;

ALTER TABLE hit_copies ADD COLUMN pack BLOB;
ALTER TABLE hit_copies ADD COLUMN pack_at INTEGER;
ALTER TABLE hit_copies ADD COLUMN pack_len INTEGER;
ALTER TABLE hit_copies ADD COLUMN pack_hash BLOB;

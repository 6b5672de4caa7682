-- Preservation holds, and copies of the reads that they keep from being forgotten. The keys of a copy
-- are sealed to the hold's matter; nobody in the city opens it.

CREATE TABLE holds (
  id BLOB NOT NULL PRIMARY KEY,
  review INTEGER NOT NULL,
  reads INTEGER NOT NULL,
  released INTEGER
) STRICT;

CREATE TABLE held (
  hold BLOB NOT NULL,
  id BLOB NOT NULL,
  camera TEXT NOT NULL,
  epoch_start INTEGER NOT NULL,
  epoch_len INTEGER NOT NULL,
  keys BLOB NOT NULL,
  body BLOB NOT NULL,
  picture BLOB,
  PRIMARY KEY (hold, id)
) STRICT;

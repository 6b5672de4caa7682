-- Where cameras stood, for those that were moved: from `since` until the next line. The last line of a
-- camera is where it stands now.
CREATE TABLE places (
  camera TEXT NOT NULL,
  since INTEGER NOT NULL,
  name TEXT NOT NULL,
  lat REAL,
  lon REAL,
  PRIMARY KEY (camera, since)
) STRICT;

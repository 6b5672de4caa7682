-- Hits are forgotten with their reads; what people found in them is counted for longer, since a camera that misreads is
-- judged by a month. Counts alone.
CREATE TABLE findings (
  camera TEXT NOT NULL,
  day INTEGER NOT NULL,
  finding TEXT NOT NULL,
  hits INTEGER NOT NULL,
  PRIMARY KEY (camera, day, finding)
) STRICT;

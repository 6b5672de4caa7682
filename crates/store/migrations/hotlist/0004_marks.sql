-- Tells one state of the entries from the next: who has read them sees whether they are still those.

CREATE TABLE marks (
  name TEXT NOT NULL PRIMARY KEY,
  mark BLOB NOT NULL
) STRICT;

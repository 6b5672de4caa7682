-- Entries that one person of the city wants to add, and another has to agree to. They are matched by nobody.

CREATE TABLE wanted (
  id TEXT NOT NULL PRIMARY KEY,
  made INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  json TEXT NOT NULL
) STRICT;

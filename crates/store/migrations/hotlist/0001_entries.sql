-- The hot list: the only plates that are on disk in the clear, and therefore a file of its own.

CREATE TABLE entries (
  id TEXT NOT NULL PRIMARY KEY,
  list TEXT NOT NULL,
  plate TEXT NOT NULL,
  state TEXT,
  reason TEXT NOT NULL,
  case_no TEXT NOT NULL,
  expires INTEGER NOT NULL,
  added_by TEXT NOT NULL
) STRICT;

-- The present schema as one piece; a test holds that the migrations lead to it.
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

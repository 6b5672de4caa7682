-- The present schema as one piece; a test holds that the migrations lead to it.
CREATE TABLE entries (
  id TEXT NOT NULL PRIMARY KEY,
  list TEXT NOT NULL,
  plate TEXT NOT NULL,
  state TEXT,
  reason TEXT NOT NULL,
  case_no TEXT NOT NULL,
  expires INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  category TEXT,
  priority INTEGER NOT NULL DEFAULT 0,
  begins INTEGER NOT NULL DEFAULT 0,
  source TEXT NOT NULL DEFAULT '',
  record TEXT,
  more TEXT,
  born INTEGER
) STRICT;

CREATE INDEX entries_by_list ON entries (list, id);

CREATE INDEX entries_own ON entries (id) WHERE born IS NULL;

CREATE INDEX entries_by_end ON entries (expires);

CREATE TABLE lists (
  id TEXT NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE imports (
  list TEXT NOT NULL,
  number INTEGER NOT NULL,
  state TEXT NOT NULL,
  made INTEGER NOT NULL,
  taken INTEGER,
  by_whom TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (list, number)
) STRICT;

CREATE TABLE versions (
  list TEXT NOT NULL,
  number INTEGER NOT NULL,
  side TEXT NOT NULL,
  id TEXT NOT NULL,
  plate TEXT NOT NULL,
  state TEXT,
  reason TEXT NOT NULL,
  case_no TEXT NOT NULL,
  expires INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  category TEXT,
  priority INTEGER NOT NULL,
  begins INTEGER NOT NULL,
  source TEXT NOT NULL,
  record TEXT,
  more TEXT,
  born INTEGER,
  PRIMARY KEY (list, number, side, id)
) STRICT;

CREATE TABLE tombstones (
  id TEXT NOT NULL PRIMARY KEY,
  list TEXT NOT NULL,
  plate TEXT NOT NULL,
  state TEXT,
  found INTEGER NOT NULL,
  until INTEGER NOT NULL,
  by_whom TEXT NOT NULL
) STRICT;

CREATE TABLE wanted (
  id TEXT NOT NULL PRIMARY KEY,
  made INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE marks (
  name TEXT NOT NULL PRIMARY KEY,
  mark BLOB NOT NULL
) STRICT;

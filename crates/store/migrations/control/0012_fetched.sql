-- By what a fetched file is known again is kept in memory alone: a hash of a file of plates, which what the other side
-- calls it may be too, can be tried against guesses. The table is made anew, so that nothing of it stays.
CREATE TABLE fetches_kept (
  list TEXT NOT NULL PRIMARY KEY,
  tried INTEGER NOT NULL,
  fetched INTEGER,
  said TEXT
) STRICT;

INSERT INTO fetches_kept (list, tried, fetched, said) SELECT list, tried, fetched, said FROM fetches;

DROP TABLE fetches;

CREATE TABLE fetches (
  list TEXT NOT NULL PRIMARY KEY,
  tried INTEGER NOT NULL,
  fetched INTEGER,
  said TEXT
) STRICT;

INSERT INTO fetches (list, tried, fetched, said) SELECT list, tried, fetched, said FROM fetches_kept;

DROP TABLE fetches_kept;

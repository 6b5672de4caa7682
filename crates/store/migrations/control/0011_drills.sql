-- Drills: hits that were drawn for people to practise. What one shows follows from its seed; no plate is kept.
CREATE TABLE drills (
  id BLOB NOT NULL PRIMARY KEY,
  started INTEGER NOT NULL,
  until INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  seed BLOB NOT NULL,
  ended INTEGER
) STRICT;

CREATE INDEX drills_running ON drills (until) WHERE ended IS NULL;

-- Who opened a drill and what they found; `number` is the answer's among those of its drill.
CREATE TABLE drill_answers (
  drill BLOB NOT NULL,
  person TEXT NOT NULL,
  office TEXT NOT NULL,
  opened INTEGER NOT NULL,
  decided INTEGER,
  finding TEXT,
  number INTEGER,
  owes INTEGER NOT NULL,
  PRIMARY KEY (drill, person)
) STRICT;

CREATE INDEX drill_answers_owed ON drill_answers (drill) WHERE owes = 1;

-- What is not on the public log yet; all that was said before is looked through once.
ALTER TABLE hits ADD COLUMN owes INTEGER NOT NULL DEFAULT 0;
UPDATE hits SET owes = 1 WHERE card IS NOT NULL;
CREATE INDEX hits_owed ON hits (id) WHERE owes = 1;

ALTER TABLE suspensions ADD COLUMN owes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX suspensions_owed ON suspensions (camera) WHERE owes = 1;

CREATE INDEX outbox_given_up ON outbox (ended) WHERE state = 'given-up';

-- Lists that the city fetches: what came last, and what went wrong.
CREATE TABLE fetches (
  list TEXT NOT NULL PRIMARY KEY,
  tried INTEGER NOT NULL,
  fetched INTEGER,
  etag TEXT,
  modified TEXT,
  hash BLOB,
  said TEXT
) STRICT;

-- How many proposals a list had in a day, by how probable they were: counts alone.
CREATE TABLE tallies (
  list TEXT NOT NULL,
  day INTEGER NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (list, day)
) STRICT;

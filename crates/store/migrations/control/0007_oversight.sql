-- What lets a city notice misuse, and its auditors judge it: who asked when, marks that tell the same plate of
-- the same person and nothing else, alarms, and the sealed plates of the city's own people.

CREATE TABLE asks (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  asked INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;

CREATE INDEX asks_by_person ON asks (person, asked);

CREATE TABLE marks (
  mark TEXT NOT NULL,
  ask TEXT NOT NULL,
  asked INTEGER NOT NULL,
  PRIMARY KEY (mark, ask)
) STRICT;

CREATE TABLE alarms (
  id TEXT NOT NULL PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  raised INTEGER NOT NULL,
  closed INTEGER,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE own_plates (
  id TEXT NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL,
  json TEXT NOT NULL
) STRICT;

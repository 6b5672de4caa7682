-- Who is told of a hit, on which way, and what became of it. No plate, no case, no entry of a list.

CREATE TABLE rings (
  hit BLOB NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL,
  raised INTEGER NOT NULL,
  unanswered_at INTEGER
) STRICT;

CREATE INDEX rings_unanswered ON rings (unanswered_at) WHERE unanswered_at IS NOT NULL;

CREATE TABLE outbox (
  id TEXT NOT NULL PRIMARY KEY,
  hit BLOB NOT NULL,
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  lane TEXT NOT NULL,
  recipient TEXT NOT NULL,
  made INTEGER NOT NULL,
  due INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  state TEXT NOT NULL,
  ended INTEGER,
  said TEXT,
  UNIQUE (hit, kind, lane, recipient)
) STRICT;

CREATE INDEX outbox_due ON outbox (lane, due) WHERE state = 'waiting';

CREATE INDEX outbox_to ON outbox (lane, recipient, made);

CREATE TABLE told (
  person TEXT NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE browsers (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  endpoint TEXT NOT NULL UNIQUE,
  json TEXT NOT NULL
) STRICT;

CREATE INDEX browsers_by_person ON browsers (person);

-- The present schema as one piece; a test holds that the migrations lead to it.
CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE cameras (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  lat REAL,
  lon REAL,
  device_key BLOB,
  off_since INTEGER
) STRICT;

CREATE TABLE codes (
  hash BLOB NOT NULL PRIMARY KEY,
  camera TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT;

CREATE TABLE leases (
  id BLOB NOT NULL PRIMARY KEY,
  camera TEXT NOT NULL,
  until INTEGER NOT NULL,
  ended INTEGER,
  json TEXT NOT NULL
) STRICT;

CREATE INDEX leases_by_camera ON leases (camera, until);

CREATE TABLE persons (
  id TEXT NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE orders (
  id BLOB NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  salt BLOB NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT;

CREATE TABLE partitions (
  day INTEGER NOT NULL PRIMARY KEY,
  relayed INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  cleared INTEGER
) STRICT;

CREATE TABLE hits (
  id BLOB NOT NULL PRIMARY KEY,
  list TEXT NOT NULL,
  entry TEXT NOT NULL,
  camera TEXT NOT NULL,
  read BLOB NOT NULL,
  captured INTEGER NOT NULL,
  probability_ppm INTEGER NOT NULL,
  state TEXT NOT NULL,
  verdict TEXT,
  version INTEGER NOT NULL,
  logged INTEGER NOT NULL,
  basis TEXT,
  card TEXT,
  finding TEXT,
  raised INTEGER,
  owes INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX hits_owed ON hits (id) WHERE owes = 1;

CREATE INDEX hits_to_log ON hits (id) WHERE logged = 0;

CREATE INDEX hits_by_state ON hits (state, id);

CREATE INDEX hits_by_camera ON hits (camera, id);

CREATE INDEX hits_by_entry ON hits (entry, id);

CREATE TABLE sealed_hits (
  id BLOB NOT NULL PRIMARY KEY,
  epoch_start INTEGER NOT NULL,
  epoch_len INTEGER NOT NULL,
  wrapped BLOB NOT NULL,
  body BLOB NOT NULL,
  picture BLOB,
  pack BLOB,
  pack_at INTEGER,
  pack_len INTEGER,
  pack_hash BLOB
) STRICT;

CREATE TABLE places (
  camera TEXT NOT NULL,
  since INTEGER NOT NULL,
  name TEXT NOT NULL,
  lat REAL,
  lon REAL,
  PRIMARY KEY (camera, since)
) STRICT;

CREATE TABLE reveals (
  id TEXT NOT NULL PRIMARY KEY,
  due INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE holds (
  id BLOB NOT NULL PRIMARY KEY,
  review INTEGER NOT NULL,
  reads INTEGER NOT NULL,
  released INTEGER,
  asked BLOB
) STRICT;

CREATE TABLE held (
  hold BLOB NOT NULL,
  id BLOB NOT NULL,
  camera TEXT NOT NULL,
  epoch_start INTEGER NOT NULL,
  epoch_len INTEGER NOT NULL,
  keys BLOB NOT NULL,
  body BLOB NOT NULL,
  picture BLOB,
  PRIMARY KEY (hold, id)
) STRICT;

CREATE TABLE invitations (
  hash BLOB NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT;

CREATE TABLE recoveries (
  person TEXT NOT NULL PRIMARY KEY,
  asked_by TEXT NOT NULL,
  asked INTEGER NOT NULL
) STRICT;

CREATE TABLE devices (
  id TEXT NOT NULL PRIMARY KEY,
  code BLOB,
  code_expires INTEGER,
  cookie BLOB,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE machines (
  id TEXT NOT NULL PRIMARY KEY,
  hash BLOB NOT NULL,
  used INTEGER,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE asks (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  asked INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;

CREATE INDEX asks_by_person ON asks (person, asked);

CREATE INDEX asks_by_time ON asks (asked, id);

CREATE TABLE marks (
  mark TEXT NOT NULL,
  ask TEXT NOT NULL,
  asked INTEGER NOT NULL,
  PRIMARY KEY (mark, ask)
) STRICT;

CREATE INDEX marks_by_ask ON marks (ask);

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

CREATE TABLE suspensions (
  camera TEXT NOT NULL,
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  json TEXT NOT NULL,
  owes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (camera, at)
) STRICT;

CREATE INDEX suspensions_owed ON suspensions (camera) WHERE owes = 1;

CREATE TABLE handovers (
  at INTEGER NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

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

CREATE INDEX outbox_given_up ON outbox (ended) WHERE state = 'given-up';

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

CREATE TABLE drills (
  id BLOB NOT NULL PRIMARY KEY,
  started INTEGER NOT NULL,
  until INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  seed BLOB NOT NULL,
  ended INTEGER
) STRICT;

CREATE INDEX drills_running ON drills (until) WHERE ended IS NULL;

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

CREATE TABLE fetches (
  list TEXT NOT NULL PRIMARY KEY,
  tried INTEGER NOT NULL,
  fetched INTEGER,
  said TEXT
) STRICT;

CREATE TABLE tallies (
  list TEXT NOT NULL,
  day INTEGER NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (list, day)
) STRICT;

CREATE TABLE findings (
  camera TEXT NOT NULL,
  day INTEGER NOT NULL,
  finding TEXT NOT NULL,
  hits INTEGER NOT NULL,
  PRIMARY KEY (camera, day, finding)
) STRICT;

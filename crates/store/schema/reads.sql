-- The present schema as one piece; a test holds that the migrations lead to it.
CREATE TABLE segments (
  id BLOB NOT NULL PRIMARY KEY,
  camera TEXT NOT NULL,
  epoch_start INTEGER NOT NULL,
  epoch_len INTEGER NOT NULL,
  wrapped BLOB NOT NULL,
  scan BLOB
) STRICT;

CREATE TABLE reads (
  id BLOB NOT NULL PRIMARY KEY,
  camera TEXT NOT NULL,
  captured INTEGER NOT NULL,
  segment BLOB NOT NULL,
  counter INTEGER NOT NULL,
  body BLOB NOT NULL,
  tokens BLOB NOT NULL,
  pack BLOB,
  pack_at INTEGER,
  pack_len INTEGER,
  pack_hash BLOB
) STRICT;

CREATE INDEX reads_by_camera ON reads (camera, captured);

CREATE TABLE pictures (
  read BLOB NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL
) STRICT;

CREATE TABLE tokens (
  token BLOB NOT NULL,
  read BLOB NOT NULL,
  PRIMARY KEY (token, read)
) STRICT, WITHOUT ROWID;

CREATE TABLE counts (
  camera TEXT NOT NULL PRIMARY KEY,
  reads INTEGER NOT NULL
) STRICT;

CREATE TABLE effects (
  seq INTEGER NOT NULL PRIMARY KEY,
  read BLOB NOT NULL,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE hit_copies (
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

CREATE TABLE packs (
  id BLOB NOT NULL PRIMARY KEY,
  bytes INTEGER NOT NULL
) STRICT;

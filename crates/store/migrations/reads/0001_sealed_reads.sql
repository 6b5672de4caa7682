-- One UTC day of sealed reads. Nothing in it is a plate: bodies and pictures are sealed, and a token
-- is a keyed hash. No foreign keys: `check` looks for orphans, and a partition may live elsewhere.

CREATE TABLE segments (
  id BLOB NOT NULL PRIMARY KEY,
  camera TEXT NOT NULL,
  epoch_start INTEGER NOT NULL,
  epoch_len INTEGER NOT NULL,
  wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE reads (
  id BLOB NOT NULL PRIMARY KEY,
  camera TEXT NOT NULL,
  captured INTEGER NOT NULL,
  segment BLOB NOT NULL,
  counter INTEGER NOT NULL,
  body BLOB NOT NULL,
  -- The tokens once more, 32 bytes each in the order in which they are bound into the body.
  tokens BLOB NOT NULL
) STRICT;

CREATE INDEX reads_by_camera ON reads (camera, captured);

-- Apart from the reads, so that going over reads does not go over pictures.
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

-- What the jobs left behind, in order; the relay carries it to the control data.
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
  picture BLOB
) STRICT;

-- How people, devices and machines come in: hashes of what opens the door once, or until it is taken away.

CREATE TABLE invitations (
  hash BLOB NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT;

-- A person's key is lost: one administrator has asked, another must confirm.
CREATE TABLE recoveries (
  person TEXT NOT NULL PRIMARY KEY,
  asked_by TEXT NOT NULL,
  asked INTEGER NOT NULL
) STRICT;

-- `code` opens once and becomes `cookie`.
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

-- What the public log will say of a sealed question when its time has come. No plate is in it.

CREATE TABLE reveals (
  id TEXT NOT NULL PRIMARY KEY,
  due INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;

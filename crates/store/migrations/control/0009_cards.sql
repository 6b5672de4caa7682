-- What people say of a hit, as a card of acts; cameras whose hits wait because they misread; shifts that took over.

ALTER TABLE hits ADD COLUMN card TEXT;
ALTER TABLE hits ADD COLUMN finding TEXT;
ALTER TABLE hits ADD COLUMN raised INTEGER;

CREATE INDEX hits_by_state ON hits (state, id);
CREATE INDEX hits_by_camera ON hits (camera, id);
CREATE INDEX hits_by_entry ON hits (entry, id);

-- The newest line of a camera counts: `suspended`, or `looked-at`.
CREATE TABLE suspensions (
  camera TEXT NOT NULL,
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (camera, at)
) STRICT;

CREATE TABLE handovers (
  at INTEGER NOT NULL PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

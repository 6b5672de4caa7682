-- What a hold asks for, sealed to custody, for as long as its reads are being preserved: who serves next goes on
-- with it. And indexes for who watches those who ask.

ALTER TABLE holds ADD COLUMN asked BLOB;

CREATE INDEX asks_by_time ON asks (asked, id);

CREATE INDEX marks_by_ask ON marks (ask);

-- Readings of a segment's reads, sealed for questions with unknown characters.
ALTER TABLE segments ADD COLUMN scan BLOB;

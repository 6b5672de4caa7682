-- How a hit came to be taken for an entry: which places differ, and no character.

ALTER TABLE hits ADD COLUMN basis TEXT;

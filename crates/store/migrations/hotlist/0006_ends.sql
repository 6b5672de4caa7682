-- What has ended is found without looking at every entry: it is looked for each hour, and for as long nobody adds one.
CREATE INDEX entries_by_end ON entries (expires);

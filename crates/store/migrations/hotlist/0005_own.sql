-- What people of the city wrote, apart from what imports did: few among many.
CREATE INDEX entries_own ON entries (id) WHERE born IS NULL;

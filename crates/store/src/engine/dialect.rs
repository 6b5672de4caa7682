//! The written subset of SQL as PostgreSQL says it.
//!
//! Holds: text compares byte by byte (`COLLATE "C"`), as it does in SQLite, so that an order of ids
//! is the same on both engines. Not here: what the subset is; `engine` says that.

/// Placeholders `?1 ?2 …` as `$1 $2 …`; nothing else of a statement differs. Text in quotes stays.
pub(super) fn statement(sql: &str) -> String {
    let mut quoted = false;
    sql.chars()
        .map(|c| {
            quoted ^= c == '\'';
            if c == '?' && !quoted { '$' } else { c }
        })
        .collect()
}

/// A migration: other names of types, no comments, and none of the words that only SQLite knows.
pub(super) fn migration(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    for line in sql.lines() {
        let code = line.split("--").next().unwrap_or_default();
        for piece in code.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let rest = &piece[word.len()..];
            out.push_str(match word {
                "INTEGER" => "BIGINT",
                "REAL" => "DOUBLE PRECISION",
                "TEXT" => "TEXT COLLATE \"C\"",
                "BLOB" => "BYTEA",
                other => other,
            });
            out.push_str(rest);
        }
        out.push('\n');
    }
    out.replace(" STRICT, WITHOUT ROWID", "").replace(" STRICT", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements() {
        let check = |sql: &str, want: &str| assert_eq!(statement(sql), want);
        check(
            "SELECT a FROM b WHERE c = ?1 AND d < ?12",
            "SELECT a FROM b WHERE c = $1 AND d < $12",
        );
        check("UPDATE a SET b = 'who?', c = ?1", "UPDATE a SET b = 'who?', c = $1");
    }

    #[test]
    fn migrations() {
        let check = |sql: &str, want: &str| assert_eq!(migration(sql).trim(), want);
        check("-- INTEGER\nCREATE TABLE a (b BLOB) STRICT;", "CREATE TABLE a (b BYTEA);");
        check("CREATE TABLE a (b INTEGER) STRICT, WITHOUT ROWID;", "CREATE TABLE a (b BIGINT);");
        check("ALTER TABLE a ADD COLUMN b REAL;", "ALTER TABLE a ADD COLUMN b DOUBLE PRECISION;");
        check("b TEXT NOT NULL, -- TEXT", "b TEXT COLLATE \"C\" NOT NULL,");
    }
}

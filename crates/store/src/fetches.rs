//! Lists that the city fetches, and how many proposals each list had: small facts beside the lists, no plate in them.

use crate::engine::{Arg, Row};
use crate::open::Store;
use crate::rows::FetchRow;
use base::{Day, ListId, Result};

fn fetch_row(mut row: Row) -> Result<FetchRow> {
    Ok(FetchRow {
        list: row.parsed(0)?,
        tried: row.get(1)?,
        fetched: row.maybe(2)?,
        said: row.maybe(3)?,
    })
}

impl Store {
    /// What is known of the last try to fetch each list.
    pub fn fetches(&self) -> Result<Vec<FetchRow>> {
        let rows = self
            .control()
            .query("SELECT list, tried, fetched, said FROM fetches ORDER BY list", &[])?;
        rows.into_iter().map(fetch_row).collect()
    }

    /// Keeps what became of a try.
    pub fn put_fetch(&self, row: &FetchRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO fetches (list, tried, fetched, said) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (list) DO UPDATE SET tried = excluded.tried, fetched = excluded.fetched, \
             said = excluded.said",
            &[
                Arg::from(row.list.as_str()),
                Arg::from(row.tried),
                Arg::from(row.fetched),
                Arg::from(row.said.as_deref()),
            ],
        )?;
        Ok(())
    }

    /// The tallies of a list from a day on, as the text that `city` wrote.
    pub fn tallies(&self, list: &ListId, from: Day) -> Result<Vec<(Day, String)>> {
        let rows = self.control().query(
            "SELECT day, json FROM tallies WHERE list = ?1 AND day >= ?2 ORDER BY day",
            &[Arg::from(list.as_str()), Arg::from(from)],
        )?;
        rows.into_iter().map(|mut row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// Keeps a day's tally of a list.
    pub fn put_tally(&self, list: &ListId, day: Day, json: &str) -> Result<()> {
        self.control().exec(
            "INSERT INTO tallies (list, day, json) VALUES (?1, ?2, ?3) \
             ON CONFLICT (list, day) DO UPDATE SET json = excluded.json",
            &[Arg::from(list.as_str()), Arg::from(day), Arg::from(json)],
        )?;
        Ok(())
    }

    /// Forgets tallies of before a day.
    pub fn forget_tallies(&self, before: Day) -> Result<()> {
        self.control().exec("DELETE FROM tallies WHERE day < ?1", &[Arg::from(before)])?;
        Ok(())
    }
}

//! The server: who we are there, a few connections that are lent out, and the days that it holds.
//!
//! Holds: one process at a time has a store open. Every connection holds the store's advisory lock,
//! shared; whoever opens the store takes it alone for a moment, which nobody can while another
//! process has a connection, and writes its mark. A connection made later sees whether the mark is
//! still ours: after the server was away, another process may have opened the store in between.

use super::super::{Part, There};
use super::Db;
use super::connection::Connection;
use super::words::{broke, cause, gone, told};
use base::{Day, Error, Result, random, sha256};
use postgres::config::Host;
use postgres::{Config, NoTls};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// So many connections at most. One serves one operation at a time, whatever day it is of.
const MOST: usize = 8;
/// How long an operation waits for a connection, a connection for the server, and a statement for
/// another program's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has a connection's statements wait that long for locks.
pub(super) fn patience() -> String {
    format!("SET lock_timeout = {}", PATIENCE.as_millis())
}

/// A process that was killed a moment ago may still seem to be there.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// The server as one store uses it.
pub(crate) struct Server {
    config: Config,
    schema: String,
    lock: i64,
    /// Written into the store when it was opened.
    mark: OnceLock<Vec<u8>>,
    pool: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    out: usize,
}

impl fmt::Debug for Server {
    // Without the address, in which a password may stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {}", self.schema)
    }
}

impl Server {
    /// One that looks at a store that somebody else may have open.
    pub fn looking(url: &str, schema: &str) -> Result<Arc<Self>> {
        let hash = sha256(format!("homeplate store {schema}").as_bytes());
        let lock = hash.as_chunks().0.first().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        Ok(Arc::new(Self {
            config: config(url, schema)?,
            schema: schema.to_owned(),
            lock,
            mark: OnceLock::new(),
            pool: Mutex::default(),
            freed: Condvar::new(),
        }))
    }

    /// Connects. Nobody else has the store from here on; [`Server::take`] follows.
    pub fn open(url: &str, schema: &str) -> Result<Arc<Self>> {
        let server = Self::looking(url, schema)?;
        // The only connection until `take`: what is looked at in between stays as it is.
        let mut first = server.lend(schema)?;
        for _ in 0..TRIES {
            if first.holds("SELECT pg_try_advisory_lock(?1)", server.lock)? {
                drop(first);
                return Ok(server);
            }
            std::thread::sleep(PAUSE);
        }
        Err(server.taken())
    }

    /// Marks the store as this process's; its control data is there by now.
    pub fn take(self: &Arc<Self>) -> Result<()> {
        let mark: [u8; 16] = random();
        let mut conn = self.lend(&self.schema)?;
        conn.run(&self.schema, |conn| {
            conn.client.batch_execute(
                "CREATE TABLE IF NOT EXISTS holder (mark BYTEA NOT NULL); DELETE FROM holder",
            )?;
            conn.exec("INSERT INTO holder (mark) VALUES (?1)", &[(&mark).into()])
        })?;
        // Shared before alone is let go: nobody comes in between.
        if !conn.holds("SELECT pg_try_advisory_lock_shared(?1)", self.lock)?
            || !conn.holds("SELECT pg_advisory_unlock(?1)", self.lock)?
        {
            return Err(self.taken());
        }
        let _ = self.mark.set(mark.to_vec());
        Ok(())
    }

    fn taken(&self) -> Error {
        Error::unavailable(format!(
            "Another process has the store {} open; stop it first.",
            self.schema
        ))
    }

    /// A connection that looks into a schema; it comes back when it is dropped.
    pub(super) fn lend(self: &Arc<Self>, schema: &str) -> Result<Lent> {
        let (mut pool, waited) = self
            .freed
            .wait_timeout_while(self.pool(), PATIENCE, |p| p.idle.is_empty() && p.out >= MOST)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(Error::busy("Every connection to the database is in use; try again."));
        }
        pool.out += 1;
        let idle = pool.idle.pop();
        drop(pool);
        // From here on the place is given back whatever happens.
        let mut lent = Lent { conn: idle, server: self.clone() };
        if lent.conn.is_none() {
            lent.conn = Some(self.connect()?);
        }
        lent.run(schema, |conn| conn.turn(schema))?;
        Ok(lent)
    }

    fn connect(&self) -> Result<Connection> {
        let client = self.config.connect(NoTls).map_err(|e| match e.code() {
            Some(_) => told(&self.schema, &e),
            None if broke(&e) => gone(&self.schema).because(cause(&e)),
            None => Error::unavailable(
                "The database server cannot be used as [store] url says; check address, user and \
                 password.",
            )
            .because(cause(&e)),
        })?;
        let mut conn = Connection::new(client);
        let told = |e| told(&self.schema, &e);
        // Some servers acknowledge what is not on their disk yet; ours must not.
        let set = format!(
            "{}; SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
            patience()
        );
        conn.client.batch_execute(&set).map_err(told)?;
        let Some(mark) = self.mark.get() else { return Ok(conn) };
        conn.turn(&self.schema).map_err(told)?;
        let sql = "SELECT count(*) FROM holder \
            WHERE mark = ?1 AND (SELECT pg_try_advisory_lock_shared(?2))";
        let args = [mark.as_slice().into(), self.lock.into()];
        let ours = conn.query(sql, &args).map_err(told)?;
        match ours.first().map(|row| row.try_get::<_, i64>(0)) {
            Some(Ok(1)) => Ok(conn),
            _ => Err(self.taken()),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The schema that holds a part of the store.
    pub fn schema_of(&self, part: Part) -> String {
        match part {
            Part::Control => self.schema.clone(),
            Part::HotList => format!("{}_hotlist", self.schema),
            Part::Day(day) => format!("{}_d{}", self.schema, day.to_string().replace('-', "_")),
        }
    }

    /// What of the store the server holds.
    pub fn look(self: &Arc<Self>) -> Result<There> {
        let hotlist = self.schema_of(Part::HotList);
        let days = format!("{}_d", self.schema);
        let mut there = There { control: false, hotlist: false, days: Vec::new() };
        let mut conn = self.lend(&self.schema)?;
        let rows = conn.run(&self.schema, |conn| {
            conn.query("SELECT nspname FROM pg_catalog.pg_namespace", &[])
        })?;
        for row in rows {
            let name: String = row.try_get(0).map_err(|e| told(&self.schema, &e))?;
            there.control |= name == self.schema;
            there.hotlist |= name == hotlist;
            let day = name.strip_prefix(&days).map(|day| day.replace('_', "-"));
            there.days.extend(day.and_then(|day| day.parse::<Day>().ok()));
        }
        there.days.sort_unstable();
        Ok(there)
    }

    /// Opens a part of the store, or makes it.
    pub fn open_part(self: &Arc<Self>, part: Part) -> Result<Db> {
        Db::open(self, &self.schema_of(part), part.kind())
    }

    /// Drops a day with everything in it, in constant time.
    pub fn drop_day(self: &Arc<Self>, day: Day) -> Result<()> {
        let schema = self.schema_of(Part::Day(day));
        let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
        self.lend(&self.schema)?.run(&schema, |conn| conn.client.batch_execute(&drop))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut self.pool().idle);
        // A client waits for its last words to be sent, which a thread of an asynchronous runtime
        // must not do.
        let close = move || {
            for mut conn in idle {
                // The server may take a moment to see the end of a connection; the store is free now.
                let _ = conn.client.batch_execute("SELECT pg_advisory_unlock_all()");
            }
        };
        let _ = std::thread::spawn(close).join();
    }
}

/// A connection that is lent out.
pub(super) struct Lent {
    conn: Option<Connection>,
    server: Arc<Server>,
}

impl Lent {
    /// Does something with it. If it broke, it is thrown away, and those that wait with it.
    pub fn run<T>(
        &mut self,
        name: &str,
        f: impl FnOnce(&mut Connection) -> Result<T, postgres::Error>,
    ) -> Result<T> {
        let conn = self.conn.as_mut().ok_or_else(|| gone(name))?;
        let e = match f(conn) {
            Ok(out) => return Ok(out),
            Err(e) => e,
        };
        if broke(&e) || conn.client.is_closed() {
            self.conn = None;
            let idle = std::mem::take(&mut self.server.pool().idle);
            drop(idle);
        }
        Err(told(name, &e))
    }

    /// Asks for one truth about a lock.
    fn holds(&mut self, sql: &str, lock: i64) -> Result<bool> {
        let name = self.server.schema.clone();
        let rows = self.run(&name, |conn| conn.query(sql, &[lock.into()]))?;
        let first = rows.first().map(|row| row.try_get(0).map_err(|e| told(&name, &e)));
        first.unwrap_or(Ok(false))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut pool = self.server.pool();
        pool.out -= 1;
        pool.idle.extend(self.conn.take().filter(|conn| !conn.client.is_closed()));
        self.server.freed.notify_one();
    }
}

/// Reads the address. Passwords and plates would cross a network in the clear, so that the server is
/// on this machine, or at the near end of a tunnel.
fn config(url: &str, schema: &str) -> Result<Config> {
    let refuse = |what: &str| Err(Error::invalid(format!("[store] {what}.")));
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let first = schema.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if !first || schema.len() > 40 || !schema.bytes().all(plain) || schema.starts_with("pg_") {
        return refuse("schema is 1 to 40 characters of a-z, 0-9 and _, begins with a letter");
    }
    // What the parser says may quote a password.
    let Ok(mut config) = url.parse::<Config>() else {
        return refuse("url is no address of PostgreSQL, such as host=/run/postgresql dbname=city");
    };
    let near = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || is_loopback(name),
    };
    let addresses = config.get_hostaddrs();
    let hosts = config.get_hosts();
    if hosts.is_empty() || !hosts.iter().all(near) || !addresses.iter().all(|a| a.is_loopback()) {
        return refuse(
            "url names a host that is a folder with a socket or on this machine; reach a server \
             elsewhere through an encrypted tunnel that ends on this machine",
        );
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    if config.get_application_name().is_none() {
        config.application_name("homeplate");
    }
    Ok(config)
}

fn is_loopback(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

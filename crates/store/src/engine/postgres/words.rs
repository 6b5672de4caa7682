//! An error of PostgreSQL in our words.
//!
//! Holds: no message and no cause has a value, a password or a name that somebody typed in it. The
//! server's own words may quote what is stored; its error codes never do.

use base::Error;
use std::error::Error as _;
use std::io;

/// Whether the connection is of no use any more.
pub(super) fn broke(e: &postgres::Error) -> bool {
    match e.code() {
        // Connection exceptions, and a server that was told to stop.
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
        None => e.is_closed() || e.source().is_some_and(|s| s.is::<io::Error>()),
    }
}

/// What an operation on a schema ran into.
pub(super) fn told(name: &str, e: &postgres::Error) -> Error {
    let Some(code) = e.code() else {
        return if broke(e) {
            gone(name).because(cause(e))
        } else {
            Error::internal(format!("{name} failed in an unforeseen way; see the log."))
                .because(cause(e))
        };
    };
    let code = code.code();
    let error = match (&code[..2], code) {
        (_, "53100") => Error::unavailable(format!(
            "The database server's disk is full: {name} cannot grow. Nothing was changed; make room \
             and try again."
        )),
        (_, "53300") => Error::unavailable(
            "The database server takes no more connections; raise its max_connections.",
        ),
        // The last: a database that was told to take no connections.
        ("08" | "57" | "53", _) | (_, "55000") => gone(name),
        (_, "55P03") | ("40", _) => {
            Error::busy(format!("{name} is held by another program; try again when that is done."))
        }
        (_, "42501") => Error::unavailable(format!(
            "The database user may not do what {name} needs; grant it CREATE on the database, and \
             its own schemas."
        )),
        ("28", _) => Error::unavailable(
            "The database server refuses our user; check user and password in [store] url.",
        ),
        ("3D", _) => Error::unavailable(
            "The database server has no database of this name; create it, or check [store] url.",
        ),
        (_, "22021" | "22P05") => Error::invalid("A text with a NUL character cannot be stored."),
        ("54", _) | (_, "22001") => Error::too_large("One value is too large to be stored."),
        ("23", _) => {
            Error::conflict("Something of this name is stored already, or not as it must be.")
        }
        ("XX", _) => Error::internal(format!("{name} is damaged; restore it from a backup.")),
        _ => Error::internal(format!("{name} failed in an unforeseen way; see the log.")),
    };
    error.because(cause(e))
}

/// The server does not answer.
pub(super) fn gone(name: &str) -> Error {
    Error::unavailable(format!(
        "The database server of {name} does not answer; start it, and try again."
    ))
}

/// The same without the server's own words.
pub(super) fn cause(e: &postgres::Error) -> String {
    match (e.code(), e.source().and_then(|s| s.downcast_ref::<io::Error>())) {
        (Some(code), _) => format!("PostgreSQL says SQLSTATE {}", code.code()),
        (None, Some(io)) => format!("the connection to PostgreSQL failed: {:?}", io.kind()),
        (None, None) if e.is_closed() => "the connection to PostgreSQL is closed".into(),
        (None, None) => "the driver of PostgreSQL refuses a value or an answer".into(),
    }
}

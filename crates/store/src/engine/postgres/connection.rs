//! One connection: its prepared statements, and the schema that they look into.

use super::super::db::{Bulk, Type};
use super::super::{Arg, Row, Value, damaged, dialect};
use base::Result;
use postgres::types::{ToSql, Type as Sent};
use postgres::{Client, Error, Row as Answer, Statement};
use std::collections::HashMap;

/// So many prepared statements are kept; a few dozen are in use, once for each schema.
const STATEMENTS: usize = 512;

/// A connection to the server.
pub(super) struct Connection {
    pub client: Client,
    /// The schema that names without one belong to.
    schema: String,
    /// By schema and text: a statement is bound to the tables that it was prepared for.
    statements: HashMap<String, Statement>,
}

impl Connection {
    pub fn new(client: Client) -> Self {
        Self { client, schema: String::new(), statements: HashMap::new() }
    }

    /// Turns to a schema; its name is checked by the configuration.
    pub fn turn(&mut self, schema: &str) -> Result<(), Error> {
        if self.schema != schema {
            self.client.batch_execute(&format!("SET search_path TO {schema}"))?;
            schema.clone_into(&mut self.schema);
        }
        Ok(())
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, Error> {
        let key = format!("{} {sql}", self.schema);
        if let Some(statement) = self.statements.get(&key) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&dialect::statement(sql))?;
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    pub fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize, Error> {
        let statement = self.prepared(sql)?;
        let changed = self.client.execute(&statement, &sent(&statement, args))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub fn query(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Answer>, Error> {
        let statement = self.prepared(sql)?;
        self.client.query(&statement, &sent(&statement, args))
    }

    /// Writes rows, and gives back a column of those it wrote.
    pub fn insert(
        &mut self,
        bulk: &Bulk,
        back: &str,
        rows: &[Vec<Arg<'_>>],
    ) -> Result<Vec<Answer>, Error> {
        let names: Vec<&str> = bulk.columns.iter().map(|(name, _)| *name).collect();
        let arrays: Vec<String> = (1..)
            .zip(bulk.columns)
            .map(|(n, (_, of))| format!("?{n}::{}[]", name_of(*of)))
            .collect();
        let back = if back.is_empty() { String::new() } else { format!(" RETURNING {back}") };
        let sql = format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}){}{back}",
            bulk.table,
            names.join(", "),
            arrays.join(", "),
            bulk.on_conflict()
        );
        let statement = self.prepared(&sql)?;
        let columns: Vec<_> = bulk
            .columns
            .iter()
            .enumerate()
            .map(|(at, (_, of))| super::array(rows, at, *of))
            .collect();
        let args: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|c| &**c as _).collect();
        self.client.query(&statement, &args)
    }
}

fn name_of(of: Type) -> &'static str {
    match of {
        Type::Int => "bigint",
        Type::Text => "text",
        Type::Blob => "bytea",
    }
}

/// The arguments as the driver takes them; a null has the type that the statement expects.
fn sent<'a>(statement: &Statement, args: &'a [Arg<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    let types = statement.params().iter().map(Some).chain(std::iter::repeat(None));
    args.iter()
        .zip(types)
        .map(|(arg, of)| -> &'a (dyn ToSql + Sync) {
            match arg {
                Arg::Int(i) => i,
                Arg::Real(r) => r,
                Arg::Text(t) => t,
                Arg::Blob(b) => b,
                Arg::Null => match of {
                    Some(&Sent::INT8) => &None::<i64>,
                    Some(&Sent::FLOAT8) => &None::<f64>,
                    Some(&Sent::BYTEA) => &None::<&[u8]>,
                    _ => &None::<&str>,
                },
            }
        })
        .collect()
}

/// A row in our values. A type that we never store is damage.
pub(super) fn row(row: &Answer) -> Result<Row> {
    let value = |(at, column): (usize, &postgres::Column)| -> Result<Value> {
        let value = match *column.type_() {
            Sent::INT8 => row.try_get::<_, Option<i64>>(at).map(|v| v.map(Value::Int)),
            Sent::INT4 => {
                row.try_get::<_, Option<i32>>(at).map(|v| v.map(|i| Value::Int(i.into())))
            }
            Sent::BOOL => {
                row.try_get::<_, Option<bool>>(at).map(|v| v.map(|b| Value::Int(b.into())))
            }
            Sent::FLOAT8 => row.try_get::<_, Option<f64>>(at).map(|v| v.map(Value::Real)),
            Sent::TEXT | Sent::VARCHAR | Sent::NAME => {
                row.try_get::<_, Option<String>>(at).map(|v| v.map(Value::Text))
            }
            Sent::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(|v| v.map(Value::Blob)),
            _ => return Err(damaged()),
        };
        Ok(value.map_err(|_| damaged())?.unwrap_or(Value::Null))
    };
    row.columns().iter().enumerate().map(value).collect::<Result<_>>().map(Row)
}

//! Statements: fixed SQL that Diesel prepares once per connection and finds again by its type.
//!
//! Diesel caches what is written with its query builder only where the SQL cannot vary; updates and inserts of many rows are
//! prepared anew each time. Here every statement is a type of its own with fixed text. What changes many rows is run once for each;
//! what looks many up gets them as one JSON text that `json_each` unfolds.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::RunQueryDsl;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

/// Fixed SQL. Each `?` is one bind, in order; a question mark has no other use in it.
pub(super) trait Statement: Sized + 'static {
    /// The text.
    const SQL: &'static str;
    /// The SQL types of an answered row.
    type Row: 'static;

    /// The statement with its binds, ready to `execute` or `load`.
    fn with<'a>(self, binds: &'a [Bind<'a>]) -> Bound<'a, Self> {
        Bound { binds, statement: PhantomData }
    }
}

/// Declares a [`Statement`]: `statement!(/// docs; Name -> (BigInt, Text) = "SELECT ..");`
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident -> $row:ty = $sql:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl $crate::write_store::sqlite::statement::Statement for $name {
            const SQL: &'static str = $sql;
            type Row = $row;
        }
    };
}
pub(super) use statement;

/// A value for a `?`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bind<'a> {
    Blob(&'a [u8]),
    OptionalBlob(Option<&'a [u8]>),
    Text(&'a str),
    OptionalText(Option<&'a str>),
    Integer(i64),
    OptionalInteger(Option<i64>),
}

/// A [`Statement`] with its binds.
pub(super) struct Bound<'a, S> {
    binds: &'a [Bind<'a>],
    statement: PhantomData<S>,
}

impl<S: Statement> QueryId for Bound<'_, S> {
    type QueryId = Bound<'static, S>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Statement> QueryFragment<Sqlite> for Bound<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut binds = self.binds.iter();
        let mut parts = S::SQL.split('?');
        if let Some(first) = parts.next() {
            out.push_sql(first);
        }
        for part in parts {
            match binds.next().ok_or_else(|| Error::QueryBuilderError("a bind is missing".into()))? {
                Bind::Blob(value) => out.push_bind_param::<Binary, [u8]>(value)?,
                Bind::OptionalBlob(value) => out.push_bind_param::<Nullable<Binary>, Option<&[u8]>>(value)?,
                Bind::Text(value) => out.push_bind_param::<Text, str>(value)?,
                Bind::OptionalText(value) => out.push_bind_param::<Nullable<Text>, Option<&str>>(value)?,
                Bind::Integer(value) => out.push_bind_param::<BigInt, i64>(value)?,
                Bind::OptionalInteger(value) => out.push_bind_param::<Nullable<BigInt>, Option<i64>>(value)?,
            }
            out.push_sql(part);
        }
        match binds.next() {
            None => Ok(()),
            Some(_) => Err(Error::QueryBuilderError("a bind has no place".into())),
        }
    }
}

impl<S: Statement> Query for Bound<'_, S> {
    type SqlType = S::Row;
}

impl<S> RunQueryDsl<SqliteConnection> for Bound<'_, S> {}

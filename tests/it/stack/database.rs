//! A stack's database of PostgreSQL.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

/// Runs one statement on a PostgreSQL server.
pub async fn execute(url: &str, sql: &str) {
    let mut connection = AsyncPgConnection::establish(url).await.unwrap();
    connection.batch_execute(sql).await.unwrap();
}

/// The URL with this database. It may name several hosts, so it is taken as text.
pub fn with_database(url: &str, database: &str) -> String {
    let (address, query) =
        url.split_once('?').map_or((url, String::new()), |(address, query)| (address, format!("?{query}")));
    let (server, _) = address.rsplit_once('/').unwrap();
    format!("{server}/{database}{query}")
}

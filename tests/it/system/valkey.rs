//! Seat locks as Valkey has them.

use deadpool_redis::redis;

/// A connection beside the servers' own.
pub struct Valkey(redis::aio::MultiplexedConnection);

impl Valkey {
    pub async fn of(url: &str) -> Self {
        let pool = deadpool_redis::Config::from_url(url).create_pool(Some(deadpool_redis::Runtime::Tokio1)).unwrap();
        Self(redis::aio::MultiplexedConnection::clone(&pool.get().await.unwrap()))
    }

    pub async fn flush_all(&self) {
        redis::cmd("FLUSHALL").query_async::<()>(&mut self.0.clone()).await.unwrap();
    }

    /// Locks a seat, by its place in the showtime, for ten minutes.
    pub async fn lock(&self, showtime: &str, seat: u32, owner: &str) {
        let mut set = redis::cmd("SET");
        set.arg(key(showtime, seat)).arg(owner).arg("EX").arg(600);
        set.query_async::<()>(&mut self.0.clone()).await.unwrap();
    }

    /// Milliseconds until the lock of a seat falls, and whose it is.
    pub async fn left(&self, showtime: &str, seat: u32) -> (i64, String) {
        let key = key(showtime, seat);
        let mut both = redis::pipe();
        both.atomic().cmd("PTTL").arg(&key).cmd("GET").arg(&key);
        both.query_async(&mut self.0.clone()).await.unwrap()
    }

    pub async fn is_locked(&self, showtime: &str, seat: u32) -> bool {
        redis::cmd("EXISTS").arg(key(showtime, seat)).query_async(&mut self.0.clone()).await.unwrap()
    }
}

fn key(showtime: &str, seat: u32) -> String {
    format!("lock:{{{showtime}}}:{seat}")
}

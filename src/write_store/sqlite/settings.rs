//! Settings of the SQLite store.

/// Bounds of the SQLite store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Most writes that wait for the writer. Past it callers wait, at most `queue_wait_milliseconds`.
    pub write_queue: usize,
    /// Most writes in one transaction.
    pub writes_per_transaction: usize,
    /// Threads that read.
    pub readers: usize,
    /// Most reads that wait for a reader. Past it callers wait, at most `queue_wait_milliseconds`.
    pub read_queue: usize,
    /// Longest wait for room in a queue, in milliseconds; then the store is unavailable.
    pub queue_wait_milliseconds: u64,
    /// Longest wait for an answer, in milliseconds; then the store is unavailable, and a commit's outcome unknown.
    pub answer_wait_milliseconds: u64,
    /// Longest wait of SQLite for a lock on its file, in milliseconds. Only a tool beside the server could hold one.
    pub busy_timeout_milliseconds: u32,
    /// Memory for pages of the file, per connection, in KiB.
    pub page_cache_kibibytes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            write_queue: 1024,
            writes_per_transaction: 256,
            readers: 2,
            read_queue: 1024,
            queue_wait_milliseconds: 5_000,
            answer_wait_milliseconds: 30_000,
            busy_timeout_milliseconds: 5_000,
            page_cache_kibibytes: 16_384,
        }
    }
}

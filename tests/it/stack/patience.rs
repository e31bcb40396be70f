//! Answers that a busy node may give only after some time.

use std::time::{Duration, Instant};

use crate::stack::{Answer, Server};

/// Longest wait for such an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until the node is not overloaded: one that has lost too many races tells its client to come back.
pub async fn at_last<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if answer.body["code"] != "overloaded" || Instant::now() > end {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Server {
    /// (seat id, status) of every seat, once the read model has this sequence.
    pub async fn seats(&self, showtime: &str, sequence: u64) -> Vec<(String, String)> {
        let path = format!("/api/showtimes/{showtime}?minSequence={sequence}");
        let end = Instant::now() + PATIENCE;
        let mut answer = self.get(&path).await;
        // The server waits for a part of that time only.
        while answer.body["code"] == "not-caught-up" && Instant::now() < end {
            answer = self.get(&path).await;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        let seats = answer.body["seats"].as_array().unwrap();
        seats
            .iter()
            .map(|seat| (seat["seatId"].as_str().unwrap().to_owned(), seat["status"].as_str().unwrap().to_owned()))
            .collect()
    }

    /// As [`Server::reserve`]; see [`at_last`].
    pub async fn reserve_at_last(&self, showtime: &str, seats: &[String], user: &str) -> Answer {
        at_last(|| async { self.reserve(showtime, seats, user).await }).await
    }
}

//! Processor time that the load tester itself has used, so that nobody takes its limit for the server's.

use std::time::Duration;

/// Clock ticks of `/proc` in a second; fixed for programs on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// Time that all threads of this process have spent on processors; `None` where the system does not tell as Linux does.
pub(super) fn time() -> Option<Duration> {
    read(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Processors of this machine that may be used.
pub(super) fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Fields 14 and 15 of proc(5); the name in field 2 may have spaces and ends with the last bracket.
fn read(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 1200 0 0 0 150 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(read(stat), Some(Duration::from_secs(2)));
        assert_eq!(read("42 (a) S 1"), None);
    }
}

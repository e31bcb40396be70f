//! Free ports for programs that have to be told theirs, also for those that are started again on the same one.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::Mutex;

use rand::RngExt as _;

/// Below the ports that the system gives to outgoing connections and to listeners that ask for any: nobody else gets one of these by chance, not
/// even while its program is down. Also below those of the tests' services, and none that browsers refuse.
const PORTS: Range<u16> = 7_000..10_000;

/// Ports that were given out by this process.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody listens on, and that no other test is given.
pub fn free_port() -> u16 {
    loop {
        let port = rand::rng().random_range(PORTS);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

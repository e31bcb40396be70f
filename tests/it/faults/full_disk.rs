//! The embedded profile on a disk that fills up and is cleared again.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::stack::{Server, Stack, eventually};

/// What a load balancer may wait for.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_at_once_and_sells_again_when_there_is_room() {
    let stack = Stack::embedded().on_small_disk(16).with("HOLD_SECONDS", 4).with("HOLD_TOTAL_SECONDS", 4);
    let server = stack.start();
    is_ready_within(&server, 200, Duration::from_secs(10)).await;
    let (showtime, seats) = server.schedule(2).await;
    // Its deadline passes while the disk is full.
    server.hold(&showtime, &seats[..1]).await;

    let filler = server.data_dir(&stack).join("filler");
    fill(&filler);
    for _ in 0..20 {
        let asked = Instant::now();
        let refused = server.reserve(&showtime, &seats[1..2], "somebody").await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (503, Some("unavailable")), "{refused:?}");
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        assert!(asked.elapsed() < Duration::from_secs(3), "refused only after {:?}", asked.elapsed());
    }
    is_ready_within(&server, 503, NOTICED_WITHIN).await;
    assert_eq!(server.get("/livez").await.status, 200);
    assert_eq!(server.get(&format!("/api/showtimes/{showtime}")).await.status, 200, "what is on can still be read");
    // The hold's deadline passes, and its end cannot be recorded; the node stays out of traffic without flapping.
    let full_until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < full_until {
        assert_eq!(server.get("/readyz").await.status, 503);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    std::fs::remove_file(&filler).unwrap();
    is_ready_within(&server, 200, NOTICED_WITHIN).await;
    let booked = server.hold(&showtime, &seats[1..2]).await;
    // Refused means not recorded: the journal has the showtime, the first hold, its end and the booking after the outage.
    assert_eq!(booked.sequence, 4, "{booked:?}");
    let other = server.reserve(&showtime, &seats[..1], "another").await;
    assert_eq!(other.status, 201, "the ended hold's seat is free: {other:?}");

    let lines = stack.log_lines();
    assert!(lines.iter().any(|line| line.contains("full")), "the reason is logged: {lines:?}");
    // A handful of modules, each at the beginning and the end of its outage.
    assert!(lines.len() <= 20, "{} lines: {lines:#?}", lines.len());
}

/// Takes every byte of the disk.
fn fill(path: &std::path::Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0_u8; size]).is_ok() {}
    }
}

async fn is_ready_within(server: &Server, status: u16, limit: Duration) {
    let what = format!("/readyz says {status}");
    eventually(&what, limit, || async { server.get("/readyz").await.status == status }).await;
}

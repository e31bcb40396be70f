//! The hub actor under a fault: after a panic a fresh one takes over, and no client notices.

use turnstile::live::Settings;

use crate::live::stage::{Stage, eventually, quick};
use crate::live::viewer::Viewer;
use crate::live::web_socket::Client;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_panic_a_fresh_hub_takes_over_the_feeds() {
    let stage = Stage::open(Settings { poll_milliseconds: 200, ..quick() }).await;
    let mut owner = stage.services.showtime(30).await;
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    let mut viewer = Viewer::default();
    client.catch_up(&mut viewer, &owner).await;
    for round in 1..=3 {
        let runs = owner.act(10).await;
        stage.services.time.panic_once();
        for run in &runs {
            stage.services.publish(run).await;
        }
        eventually("the hub panics", || stage.services.time.has_panicked()).await;
        client.catch_up(&mut viewer, &owner).await;
        eventually("the hub is replaced", || stage.hub.statistics().restarts == round).await;
        let mut late = Client::open(&stage.plain_url(owner.id, Some(1))).await;
        late.catch_up(&mut Viewer::at(1), &owner).await;
    }
    assert!(viewer.agrees_with(&owner));
    assert_eq!(viewer.snapshots, 1);
}

//! Sequences: without a gap, in the order of commits, and told to the owner whoever else writes.

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, reserved, scheduled};
use crate::ports::write_store::oracle::check;

pub async fn two_owners_alternating_leave_no_gap<A: Adapter>() {
    let adapter = A::fresh().await;
    let nodes = [adapter.store(), adapter.another_node().await];
    let id = scheduled(&nodes[0], 60).await;
    let fence = nodes[0].load(id).await.unwrap().unwrap().fence;
    let mut next = 2;
    for round in 0..10_u32 {
        for (node, side) in nodes.iter().zip(0..) {
            // Owner 0 makes one event, owner 1 two, each on seats of its own and ignorant of the other.
            let mut draft = Draft::new(id, fence);
            for event in 0..=side {
                draft = draft.reserve(&booking(id, &[6 * round + 3 * side + event]), 1);
            }
            let committed = node.commit(draft.done()).await.unwrap();
            assert_eq!(committed.first_sequence, next);
            next += u64::from(side) + 1;
        }
    }
    assert_eq!(check(&nodes[0], id).await.sequence, next - 1);
}

pub async fn owners_at_once_on_other_seats_leave_no_gap<A: Adapter>() {
    const COMMITS: u32 = 80;
    let adapter = A::fresh().await;
    let nodes = [adapter.store(), adapter.another_node().await];
    let id = scheduled(&nodes[0], 2 * COMMITS).await;
    let fence = nodes[0].load(id).await.unwrap().unwrap().fence;
    let tasks: Vec<_> = (0..COMMITS)
        .map(|number| {
            let node = if number % 2 == 0 { nodes[0].clone() } else { nodes[1].clone() };
            let (one, two) = (booking(id, &[2 * number]), booking(id, &[2 * number + 1]));
            let batch = Draft::new(id, fence).reserve(&one, 1).reserve(&two, 1).done();
            tokio::spawn(async move { (node.commit(batch).await.unwrap().first_sequence, one.id, two.id) })
        })
        .collect();
    let mut firsts = Vec::new();
    for task in tasks {
        let (first, one, two) = task.await.unwrap();
        let mut stored = nodes[0].bookings(vec![one, two]).await.unwrap();
        stored.sort_unstable_by_key(|booking| booking.version);
        let versions: Vec<_> = stored.iter().map(|booking| (booking.id, booking.version)).collect();
        assert_eq!(versions, [(one, first), (two, first + 1)], "the returned sequence is the batch's own");
        firsts.push(first);
    }
    firsts.sort_unstable();
    assert_eq!(firsts, (0..u64::from(COMMITS)).map(|number| 2 + 2 * number).collect::<Vec<_>>());
    check(&nodes[0], id).await;
    let outbox = nodes[0].outbox(1_000, vec![]).await.unwrap();
    let published: Vec<_> = outbox.iter().map(|entry| entry.run.first_sequence()).collect();
    assert!(published.is_sorted(), "positions ascend with the sequence: {published:?}");
}

pub async fn showtimes_count_apart<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (one, other) = (scheduled(&store, 4).await, scheduled(&store, 4).await);
    for (seat, version) in (0..4).zip(2..) {
        assert_eq!(reserved(&store, one, &[seat], 1).await.version, version);
        assert_eq!(reserved(&store, other, &[seat], 1).await.version, version);
    }
    check(&store, one).await;
    check(&store, other).await;
}

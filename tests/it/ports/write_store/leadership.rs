//! Leadership of the relay: one at a time, and free again when its holder is gone.

use std::time::Duration;

use turnstile::write_store::Role;

use crate::ports::write_store::Adapter;

pub async fn one_leads_at_a_time<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let mut leader = store.lead(Role::Relay).await.unwrap().expect("nobody leads yet");
    assert!(leader.is_held().await);
    assert!(other.lead(Role::Relay).await.unwrap().is_none());
    assert!(store.lead(Role::Relay).await.unwrap().is_none(), "not twice on one node either");
    assert!(leader.is_held().await, "a refused rival takes nothing away");
}

pub async fn leadership_ends_when_it_is_dropped<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    for round in 0..5 {
        let (now, next) = if round % 2 == 0 { (&store, &other) } else { (&other, &store) };
        let leader = gained(now).await;
        assert!(next.lead(Role::Relay).await.unwrap().is_none());
        drop(leader);
    }
    assert!(gained(&other).await.is_held().await);
}

/// Leads as soon as the former leader's end has reached the store: it may travel over a connection being closed.
async fn gained(
    store: &std::sync::Arc<dyn turnstile::write_store::WriteStore>,
) -> Box<dyn turnstile::write_store::Leadership> {
    for _ in 0..500 {
        if let Some(leader) = store.lead(Role::Relay).await.unwrap() {
            return leader;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("leadership was not free within 5 s");
}

pub async fn each_role_is_led_by_itself<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let relay = store.lead(Role::Relay).await.unwrap().expect("nobody relays yet");
    let sweeper = other.lead(Role::Sweeper).await.unwrap().expect("nobody sweeps yet");
    assert!(store.lead(Role::Sweeper).await.unwrap().is_none());
    drop((relay, sweeper));
}

//! Commits: what they leave in the tables beside what the port shows, and what they refuse though the versions are right.

use diesel::sql_types::{BigInt, Nullable};

use super::*;

/// Each row of the journal names the commit before it, the first one none; the showtime has the stamps of the last.
pub(super) fn assert_chained(connection: &mut SqliteConnection) {
    #[derive(QueryableByName)]
    struct Link {
        #[diesel(sql_type = BigInt)]
        stamp: i64,
        #[diesel(sql_type = BigInt)]
        follows: i64,
        #[diesel(sql_type = Nullable<BigInt>)]
        before: Option<i64>,
        #[diesel(sql_type = BigInt)]
        is_as_the_showtime: i64,
        #[diesel(sql_type = BigInt)]
        is_last: i64,
    }
    let links: Vec<Link> = diesel::sql_query(
        "SELECT j.stamp, j.follows, lag(j.stamp) OVER one AS before,
            (j.stamp, j.follows) = (s.stamp, s.follows) AS is_as_the_showtime, j.last_sequence = s.sequence AS is_last
         FROM journal AS j JOIN showtimes AS s ON s.id = j.showtime_id
         WINDOW one AS (PARTITION BY j.showtime_id ORDER BY j.last_sequence)",
    )
    .load(connection)
    .unwrap();
    assert!(!links.is_empty());
    for Link { stamp, follows, before, is_as_the_showtime, is_last } in links {
        assert_ne!(stamp, 0, "it is random");
        assert_eq!(follows, before.unwrap_or(0));
        assert_eq!(is_as_the_showtime, is_last);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_commit_names_the_one_before() {
    let directory = Directory::new();
    let store = directory.open().unwrap();
    for seats in [2, 4] {
        let new = new_showtime(seats);
        store.schedule(new.clone()).await.unwrap();
        for seat in 0..seats {
            store.commit(reservations(new.id, seat..seat + 1)).await.unwrap();
            let refused = store.commit(reservations(new.id, seat..seat + 1)).await;
            assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
        }
    }
    assert_chained(&mut directory.connection());
}

/// A bug in the owner: it knows the seat's version, and yet it gives the seat to somebody else, or frees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_not_taken_from_a_booking_that_the_batch_does_not_name() {
    let directory = Directory::new();
    let store = directory.open().unwrap();
    let new = new_showtime(2);
    store.schedule(new.clone()).await.unwrap();
    store.commit(reservations(new.id, 0..2)).await.unwrap();
    let before = store.audit(new.id).await.unwrap();

    let mut taken = reservations(new.id, 0..1).as_ref().clone();
    taken.seats[0].expected_version = 2;
    let refused = store.commit(Arc::new(taken.clone())).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");

    let freed = SeatChange { status: SeatStatus::Available, booking_id: None, ..taken.seats[0] };
    let refused = store.commit(Arc::new(Batch { seats: vec![freed], bookings: vec![], ..taken })).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert_eq!(store.audit(new.id).await.unwrap(), before);
}

/// A page begins and ends in the middle of a commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_journal_is_cut_to_the_events_asked_for() {
    let directory = Directory::new();
    let store = directory.open().unwrap();
    let new = new_showtime(12);
    store.schedule(new.clone()).await.unwrap();
    for seats in [0..5, 5..6, 6..12] {
        store.commit(reservations(new.id, seats)).await.unwrap();
    }
    let whole = store.journal(new.id, 0, usize::MAX).await.unwrap();
    assert_eq!(whole.len(), 13);
    for after in 0..14 {
        for limit in 0..14 {
            let page = store.journal(new.id, u64::try_from(after).unwrap(), limit).await.unwrap();
            assert_eq!(page, whole.iter().skip(after).take(limit).cloned().collect::<Vec<_>>());
        }
    }
    let places = (0..15).map(|sequence| (new.id, sequence)).collect();
    let stamps = store.stamps(places).await.unwrap();
    let told = |recorded: &RecordedEvent| ((new.id, recorded.sequence), recorded.stamp);
    assert_eq!(stamps, whole.iter().map(told).collect::<Vec<_>>());
}

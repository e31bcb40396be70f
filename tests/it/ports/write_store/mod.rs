//! Contract suite of the write store port, run on every adapter.
//!
//! Each promise is an async function over an [`Adapter`], in the file of its theme. [`contract_tests!`] lists them all and
//! makes one test of each for an adapter; a promise missing from the list is dead code, which the compiler reports.

use std::sync::Arc;

use turnstile::write_store::WriteStore;

mod auditoriums;
mod blocks;
mod booking_lifecycle;
mod commit;
pub mod draft;
mod durability;
mod exchanges;
mod idempotency;
mod journal;
mod leadership;
mod listing;
mod load_and_fence;
mod oracle;
mod outbox;
mod payments;
mod postgres;
mod queries;
mod races;
mod refusals;
mod schedule;
mod sequences;
mod sqlite;

/// A write store with a database of its own, as a test needs it.
pub trait Adapter: Sized {
    /// Makes an empty database and opens a store on it.
    async fn fresh() -> Self;

    /// The store.
    fn store(&self) -> Arc<dyn WriteStore>;

    /// The same database as another node reaches it; for SQLite, which has one node only, the same store.
    async fn another_node(&self) -> Arc<dyn WriteStore>;

    /// Closes the store, as the end of the process would, and opens it again on the same data. No clone of the store may be left.
    async fn reopen(self) -> Self;
}

/// Makes every test of the contract for one adapter: `contract_tests!(crate::ports::write_store::sqlite::Sqlite);`
macro_rules! contract_tests {
    ($adapter:ty) => {
        $crate::ports::write_store::each_test! {
            $adapter;
            schedule {
                a_scheduled_showtime_has_free_seats_one_event_and_one_outbox_row
                a_taken_id_is_refused_and_changes_nothing
                the_largest_house_is_scheduled_and_loaded
                a_schedule_records_its_idempotency_key
                a_schedule_with_a_known_key_is_refused
                schedules_of_one_id_at_once_leave_one
                a_demo_that_has_started_is_followed_by_another
            }
            load_and_fence {
                an_unknown_showtime_is_none
                a_load_has_statuses_versions_and_pending_bookings
                seats_of_a_booking_keep_the_clients_order
                a_fence_is_raised_by_fence_and_kept_by_keep
                an_older_fence_cannot_commit
                a_fence_is_of_one_showtime_only
                a_load_is_one_snapshot
            }
            commit {
                a_reservation_is_stored_whole
                several_bookings_in_one_batch
                hundreds_of_bookings_in_one_batch
                expiry_and_reservation_of_one_seat_in_one_batch
                reserved_and_cancelled_within_one_batch
                reserved_and_confirmed_within_one_batch
                timestamps_and_texts_survive_unchanged
                texts_of_earlier_versions_stay_readable
                a_dropped_caller_does_not_stop_a_commit
            }
            booking_lifecycle {
                a_hold_is_extended
                a_hold_is_confirmed
                a_hold_is_cancelled_and_its_seats_are_sold_again
                a_hold_expires
                every_kind_of_change_in_one_batch
            }
            refusals {
                a_wrong_seat_version_changes_nothing
                one_wrong_seat_among_many_changes_nothing
                a_wrong_booking_version_changes_nothing
                an_unknown_booking_changes_nothing
                a_taken_booking_id_changes_nothing
                a_seat_of_another_live_booking_is_not_taken_even_at_the_right_version
                a_batch_that_contradicts_itself_is_refused
                a_free_seat_changes_without_a_booking
                an_unknown_seat_is_refused
                a_batch_that_rests_on_the_last_event_is_refused_once_another_has_come
                an_unknown_showtime_is_refused
                a_booking_of_another_showtime_is_not_changed
                a_refused_batch_does_not_take_its_neighbours_with_it
            }
            sequences {
                two_owners_alternating_leave_no_gap
                owners_at_once_on_other_seats_leave_no_gap
                showtimes_count_apart
            }
            races {
                two_nodes_race_for_one_seat_and_one_wins
                many_race_for_overlapping_seats_all_or_nothing
                showtimes_that_commit_together_fail_alone
                a_fence_beats_commits_in_flight
            }
            journal {
                pages_join_without_gap_or_overlap
                after_the_end_there_is_nothing
                every_kind_of_event_survives_unchanged
            }
            queries {
                bookings_are_found_by_id
                due_holds_come_earliest_first
                heads_of_known_showtimes
                heads_page_walks_all_showtimes
                showtimes_that_changed_since_a_moment
                places_that_the_journal_does_not_have
                a_view_is_the_fold_of_the_journal
                totals_count_what_is_scheduled_and_nothing_else
                an_audit_shows_everything
                an_audit_of_an_unknown_showtime_is_none
                a_ping_is_answered
                the_journal_tells_the_stamps_of_its_events
            }
            listing {
                a_new_listing_is_kept_and_voids_commits_that_were_decided_before
                live_bookings_of_a_cancelled_showtime_are_to_be_ended
                the_listing_is_read_after_the_wait_for_a_commit_in_flight
            }
            outbox {
                rows_come_in_order_and_carry_their_trace
                a_row_has_all_events_of_its_commit
                excepted_showtimes_are_left_out
                exactly_the_confirmed_rows_are_deleted
                depth_is_counted_up_to_the_limit
                positions_are_never_used_again
            }
            idempotency {
                a_recorded_key_is_found
                a_known_key_changes_nothing
                a_key_twice_in_one_batch_changes_nothing
                a_known_key_is_told_before_a_lost_race
                a_key_tells_the_sequence_of_its_event
                old_keys_are_forgotten
                of_two_batches_with_one_key_one_wins
            }
            payments {
                a_payment_confirms_one_booking
                a_late_payment_takes_free_seats_again_or_is_kept_from_paying_for_others
                a_payment_twice_in_one_batch_changes_nothing
                of_two_confirmations_at_once_with_one_payment_one_wins_and_takes_nobody_with_it
            }
            exchanges {
                a_booking_changes_its_seats_in_one_step
                an_exchange_that_loses_its_race_changes_nothing
            }
            blocks {
                a_block_is_kept_whole_and_listed_until_it_ends
                seats_come_into_a_block_and_leave_it_alone
                a_block_without_seats_is_loaded
                a_block_counts_for_no_customer
            }
            auditoriums {
                an_auditorium_is_found_as_it_was_recorded
                a_version_follows_the_one_before_it
                of_two_replacements_of_one_version_one_wins
                a_known_key_records_no_auditorium
                pages_show_each_auditorium_once_as_it_is_now
                the_largest_plan_is_kept
            }
            leadership {
                one_leads_at_a_time
                leadership_ends_when_it_is_dropped
                each_role_is_led_by_itself
            }
            durability {
                everything_survives_a_restart
                the_cluster_secret_is_stable
                sequences_and_positions_go_on_after_a_restart
            }
        }
    };
}
pub(crate) use contract_tests;

/// See [`contract_tests!`].
macro_rules! each_test {
    ($adapter:ty; $($theme:ident { $($promise:ident)+ })+) => {
        $(
            mod $theme {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $promise() {
                        $crate::ports::write_store::$theme::$promise::<$adapter>().await;
                    }
                )+
            }
        )+
    };
}
pub(crate) use each_test;

//! One contract for every store: the same functions run against the memory store and against a
//! real Postgres. What they hold is what the rooms above may rely on.

#![expect(clippy::unwrap_used, reason = "a test's failure is its message")]

mod auditing;
mod embedded;
mod fixture;
mod leases;
mod memory;
mod postgres;
mod reading;
mod throwaway;
mod watching;
mod writing;

/// Makes a test of each function of the contract, for one kind of store.
macro_rules! contract {
    ($copies:expr) => {
        crate::contract! { @ $copies =>
            writing: each_write_has_the_next_revision,
            writing: preconditions_decide,
            writing: transactions_are_all_or_nothing,
            writing: a_failing_transaction_fails_alone,
            writing: one_key_many_times_at_once,
            writing: two_copies_lose_no_update,
            writing: what_can_not_be_stored_is_refused,
            reading: a_range_is_in_order,
            reading: an_earlier_revision_is_read_again,
            reading: a_copy_catches_up_with_another,
            reading: random_histories_read_the_same,
            watching: a_watch_resumes_behind_any_change,
            watching: changes_carry_the_old_object,
            watching: a_watch_sees_only_its_range,
            watching: an_idle_watch_is_told_how_far_it_saw,
            watching: what_is_compacted_is_gone,
            watching: the_future_is_refused,
            watching: watches_of_all_copies_see_all_writers,
            auditing: acts_are_kept_with_what_they_wrote,
            auditing: what_was_created_is_kept_once_and_shown,
            auditing: acts_are_found_by_what_they_say,
            auditing: the_oldest_acts_are_forgotten,
            leases: a_lease_is_taken_over_when_it_expires,
            leases: a_released_lease_is_free_at_once,
            leases: the_fence_stops_an_old_holder,
        }
    };
    (@ $copies:expr => $($module:ident: $name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::$module::$name(&$copies).await;
            }
        )*
    };
}
pub(crate) use contract;

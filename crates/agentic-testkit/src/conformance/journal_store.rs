//! What every [`JournalStore`] must do.
//!
//! Each function makes runs of its own, with ids and queues that nobody has, so that one store will do for all of them,
//! however often. It takes the store, and panics with what is wrong. The names of the functions are the contract.

mod journal;
mod lists;
mod make;
mod owning;
mod posting;
mod sharing;

use std::sync::Arc;

use agentic_runtime::JournalStore;

pub use journal::{
    a_gap_is_refused_and_all_that_follows, a_run_can_be_created_ended, a_run_can_be_created_waiting,
    an_id_is_taken_once, appends_keep_their_order, every_entry_comes_back,
    finishing_ends_the_run_and_the_lease, loads_what_comes_after, nothing_comes_after_the_end,
    nothing_is_known_of_a_run_that_is_not_there, payloads_come_back_whatever_their_size,
};
pub use lists::{deleting_leaves_what_others_have, deleting_takes_all_of_a_run, lists_what_fits};
pub use owning::{
    a_claim_has_one_winner, a_queue_gives_each_run_once, a_queue_gives_what_is_due_the_oldest_first,
    a_run_that_waits_is_taken_by_its_id, a_stale_owner_changes_nothing, an_expired_lease_can_be_taken,
    an_owner_is_seen, attempts_count_until_an_orderly_stop, due_queues_are_those_with_due_runs,
    renewing_keeps_a_lease, what_is_released_waits_as_it_says,
};
pub use posting::{
    a_key_is_taken_for_ever, a_post_wakes_a_run_that_waits, a_refused_append_consumes_nothing,
    a_release_does_not_oversleep_a_post, an_end_does_not_miss_a_post, nothing_is_posted_to_a_run_that_ended,
    posts_are_consumed_once, posts_come_in_order, posts_find_their_owner,
};
pub use sharing::{claims_exclude_each_other, what_one_writes_the_other_reads};

/// Runs the whole suite on one store. Needs a tokio runtime, better one with several threads.
pub async fn all(store: &Arc<dyn JournalStore>) {
    every_entry_comes_back(store).await;
    payloads_come_back_whatever_their_size(store).await;
    an_id_is_taken_once(store).await;
    a_run_can_be_created_waiting(store).await;
    a_run_can_be_created_ended(store).await;
    loads_what_comes_after(store).await;
    appends_keep_their_order(store).await;
    a_gap_is_refused_and_all_that_follows(store).await;
    finishing_ends_the_run_and_the_lease(store).await;
    nothing_comes_after_the_end(store).await;
    nothing_is_known_of_a_run_that_is_not_there(store).await;

    an_owner_is_seen(store).await;
    a_claim_has_one_winner(store).await;
    a_queue_gives_each_run_once(store).await;
    an_expired_lease_can_be_taken(store).await;
    a_stale_owner_changes_nothing(store).await;
    renewing_keeps_a_lease(store).await;
    a_run_that_waits_is_taken_by_its_id(store).await;
    a_queue_gives_what_is_due_the_oldest_first(store).await;
    due_queues_are_those_with_due_runs(store).await;
    what_is_released_waits_as_it_says(store).await;
    attempts_count_until_an_orderly_stop(store).await;

    posts_come_in_order(store).await;
    a_key_is_taken_for_ever(store).await;
    posts_are_consumed_once(store).await;
    a_refused_append_consumes_nothing(store).await;
    a_post_wakes_a_run_that_waits(store).await;
    a_release_does_not_oversleep_a_post(store).await;
    an_end_does_not_miss_a_post(store).await;
    posts_find_their_owner(store).await;
    nothing_is_posted_to_a_run_that_ended(store).await;

    lists_what_fits(store).await;
    deleting_takes_all_of_a_run(store).await;
    deleting_leaves_what_others_have(store).await;
}

/// Runs what is said of two handles on one store, as two processes have them.
pub async fn all_of_two(one: &Arc<dyn JournalStore>, other: &Arc<dyn JournalStore>) {
    what_one_writes_the_other_reads(one, other).await;
    claims_exclude_each_other(one, other).await;
}

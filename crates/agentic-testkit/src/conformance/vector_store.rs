//! What every [`VectorStore`] must do.
//!
//! Each function has tenants of its own, which nobody else has, so that one store will do for all of them, however often.
//! It takes the store, whose vectors need at least 4 dimensions, and panics with what is wrong. The names of the functions
//! are the contract.

mod filters;
mod finding;
mod make;
mod order;
mod reopening;
mod scopes;
mod writing;

use std::sync::Arc;

use agentic_core::VectorStore;

pub use filters::{a_filter_that_can_not_be_asked_is_refused, filters_hold_wherever_records_are_found};
pub use finding::{
    exact_means_exact, keywords_are_found_by_bm25, nothing_is_found_by_nothing,
    tenants_do_not_count_for_each_other, the_nearest_come_first, vectors_and_words_come_when_they_are_wanted,
    words_are_what_they_are,
};
pub use order::{lists_are_in_order, lists_go_on_where_they_stopped, neighbours_are_of_the_same_scope};
pub use reopening::{
    a_store_is_for_one_embedder, a_store_is_opened_without_an_embedder, what_is_durable_is_there_again,
    what_one_writes_the_other_finds,
};
pub use scopes::{clearing_takes_what_the_scope_sees, scopes_never_cross, tenants_are_known};
pub use writing::{
    a_record_comes_back_as_it_was_written, a_record_may_be_large, a_thousand_at_once, changes_may_be_empty,
    deletions_come_first_and_are_counted, many_may_write_at_once, of_several_the_last_counts,
    what_has_changed_is_not_written_over, what_is_wrong_changes_nothing, writing_again_replaces,
};

/// Runs the whole suite on one store. Needs a tokio runtime, better one with several threads.
pub async fn all(store: &Arc<dyn VectorStore>) {
    a_record_comes_back_as_it_was_written(store).await;
    writing_again_replaces(store).await;
    of_several_the_last_counts(store).await;
    deletions_come_first_and_are_counted(store).await;
    changes_may_be_empty(store).await;
    what_has_changed_is_not_written_over(store).await;
    what_is_wrong_changes_nothing(store).await;
    a_thousand_at_once(store).await;
    a_record_may_be_large(store).await;
    many_may_write_at_once(store).await;

    the_nearest_come_first(store).await;
    exact_means_exact(store).await;
    keywords_are_found_by_bm25(store).await;
    tenants_do_not_count_for_each_other(store).await;
    words_are_what_they_are(store).await;
    nothing_is_found_by_nothing(store).await;
    vectors_and_words_come_when_they_are_wanted(store).await;

    lists_are_in_order(store).await;
    lists_go_on_where_they_stopped(store).await;
    neighbours_are_of_the_same_scope(store).await;

    filters_hold_wherever_records_are_found(store).await;
    a_filter_that_can_not_be_asked_is_refused(store).await;

    scopes_never_cross(store).await;
    clearing_takes_what_the_scope_sees(store).await;
    tenants_are_known(store).await;
}

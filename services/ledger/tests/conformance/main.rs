//! What a ledger must do, through gRPC, on both engines: each scenario runs on SQLite and on PostgreSQL.
#![expect(
    clippy::unwrap_used,
    reason = "scenarios are test code in functions of their own"
)]

mod append;
mod clock;
mod contract;
mod disk;
mod folding;
mod lease;
mod moved;
mod open;
mod range;
mod read;
mod reader;
mod schema;
mod vault;
mod world;

macro_rules! on_both_engines {
    ($($group:ident => [$($scenario:ident),+ $(,)?]),+ $(,)?) => {
        mod sqlite {
            $(mod $group {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    crate::$group::$scenario(crate::world::World::sqlite().await).await;
                })+
            })+
        }
        mod postgres {
            $(mod $group {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    crate::$group::$scenario(crate::world::World::postgres().await).await;
                })+
            })+
        }
    };
}

on_both_engines! {
    append => [
        positions_are_dense_and_versions_count_within_a_stream,
        a_repeated_reaction_gets_the_first_answer_whatever_it_computed,
        a_client_who_sends_the_same_again_gets_the_same_and_with_other_content_is_refused,
        the_same_request_sent_a_hundred_times_at_once_is_stored_once,
        a_wrong_expected_version_is_refused_with_the_version_now,
        a_case_that_moved_refuses_what_was_decided_before,
        streams_of_one_request_are_stored_together_or_not_at_all,
        a_refused_request_does_not_fail_its_neighbours,
        an_append_of_no_events_is_answered_with_the_head_and_leaves_nothing,
        what_is_over_a_limit_or_malformed_is_refused_by_name,
        only_the_owner_of_a_category_appends_to_it,
        recorded_time_never_goes_back_when_the_clock_does,
    ],
    read => [
        followers_see_every_position_once_while_sixteen_write,
        a_stream_a_case_and_a_filtered_range_are_read_in_order,
        many_cases_are_read_in_one_answer_as_each_by_itself,
        the_head_waits_for_a_position_that_is_about_to_come,
        the_merkle_root_is_what_anybody_recomputes_from_the_events,
        only_who_may_read_reads,
    ],
    contract => [
        each_extreme_has_an_outcome_of_its_own,
        nobody_puts_an_event_down_to_another_than_they_act_for,
        a_request_over_every_limit_ends_its_pipeline_and_what_came_before_is_answered,
        a_pipeline_that_is_dropped_half_way_leaves_whole_requests_in_the_order_they_came,
    ],
    clock => [
        a_wall_clock_that_is_set_ahead_moves_no_recorded_time_and_everybody_is_told,
        a_start_far_from_the_record_needs_an_operators_word_which_is_an_event,
        a_clients_request_id_is_forgotten_after_400_days_and_a_reactions_never,
    ],
    range => [
        every_read_gives_what_a_filter_over_everything_gives,
        a_follower_between_two_times_waits_for_the_one_and_ends_at_the_other,
        a_read_that_cannot_be_meant_is_refused_by_the_name_of_its_field,
    ],
    open => [
        content_opens_for_a_purpose_the_caller_has_and_for_no_other,
        a_person_who_reads_is_on_record_before_they_read,
        a_persons_run_over_reports_is_one_event_and_opens_nothing_else,
        content_without_a_case_opens_under_its_streams_own_key,
        nobody_puts_their_reading_down_to_another,
        a_destroyed_key_erases_what_it_sealed_and_seals_nothing_more,
        what_is_damaged_is_refused_by_itself_and_never_called_erased,
    ],
    lease => [
        a_lease_is_held_by_one_and_its_fence_guards_the_cursor,
    ],
    moved => [
        a_ledger_is_copied_to_the_other_engine_with_all_that_it_promised,
        a_copy_is_refused_while_a_ledger_runs_and_where_something_is,
        a_backup_of_a_running_ledger_restores_to_one_moment_of_it,
        a_backup_that_would_lose_what_was_signed_is_refused,
        a_backup_that_was_changed_is_refused,
        the_applications_role_adds_and_takes_nothing_away,
    ],
    vault => [
        what_is_erased_opens_nowhere_and_its_key_is_in_no_file_while_every_hash_stays,
        the_law_that_keeps_refuses_the_wish_and_yields_to_the_court,
        a_search_finds_words_and_numbers_in_any_spelling_and_is_on_record_without_them,
        a_rotated_key_opens_everything_and_the_old_one_nothing,
        a_death_anywhere_in_an_erasure_keeps_what_was_promised,
        a_reader_from_before_an_erasure_keeps_no_key_in_the_files,
    ],
    disk => [
        what_a_person_typed_is_nowhere_on_disk,
        no_statement_changes_or_removes_an_event,
        a_restart_goes_on_where_it_was,
        a_second_ledger_on_the_same_database_does_not_write,
        another_key_encryption_key_is_refused_at_the_start,
        a_ledger_whose_key_store_is_gone_does_not_start,
    ],
}

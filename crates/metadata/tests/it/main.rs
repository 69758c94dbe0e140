//! Stories about what Roadstead knows, told on SQLite and again on a real PostgreSQL where one is installed.

mod artifacts;
mod audit;
mod blobs;
mod concurrency;
mod content;
mod harness;
mod immutability;
mod people;
mod policies;
mod projects;
mod start;
mod upstreams;

use harness::{Postgres, Sqlite};

/// Each story is one test on SQLite, and one part of the test on PostgreSQL: its server takes seconds to start.
macro_rules! stories {
    ($($file:ident: $($story:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let sqlite = Sqlite::new();
                let db = sqlite.connect().await;
                $file::$story(db.clone()).await;
                harness::is_counted(&db).await;
            }
        )+)+

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn the_same_stories_hold_on_postgresql() {
            let Some(postgres) = Postgres::start() else { return };
            $($(
                harness::say(concat!("on PostgreSQL: ", stringify!($story)));
                // In a scope of its own: connections that outlive their story are missing in the next ones.
                {
                    let db = postgres.connect(stringify!($story)).await;
                    $file::$story(db.clone()).await;
                    harness::is_counted(&db).await;
                }
            )+)+
            concurrency::two_nodes_see_each_others_facts(&postgres).await;
            projects::fifty_thousand_repositories_are_listed_quickly(postgres.create("many").await).await;
            audit::pages_of_a_long_log_come_quickly(postgres.create("long").await, LONG).await;
            policies::older_projects_get_quotas_that_are_right(postgres.create("older").await).await;
        }
    };
}

stories! {
    artifacts:
        a_manifest_its_repository_and_its_tag_become_facts_together,
        a_moved_tag_says_where_it_was,
        recording_again_changes_nothing_but_the_check_time,
        an_index_is_listed_with_its_children_and_they_under_it,
        artifacts_are_found_by_harbors_queries,
        referrers_are_listed_with_type_and_annotations,
        tags_are_ordered_and_told_apart_byte_by_byte,
        what_is_deleted_is_forgotten_at_once,
        ten_thousand_descriptors_are_recorded;
    audit:
        entries_are_read_as_they_were_written,
        the_log_is_found_by_who_what_and_when,
        pulls_and_their_entries_are_written_in_one_transaction,
        what_overflows_is_dropped_and_counted,
        a_deleted_projects_log_stays_with_administrators,
        a_purge_takes_what_is_old_of_the_events_it_is_told,
        what_is_due_is_begun_once,
        a_run_is_worked_on_by_one_and_taken_over_when_that_one_is_gone,
        of_one_subject_runs_are_worked_on_one_after_the_other;
    blobs:
        a_blob_is_held_or_named_or_neither,
        a_blob_is_mounted_from_where_the_caller_may_look,
        the_sweep_names_only_what_nothing_needs,
        an_upload_knows_its_repository,
        settings_are_kept;
    concurrency:
        many_writers_never_find_the_database_busy,
        one_manifest_recorded_by_many_is_new_once,
        a_reader_never_sees_a_tag_move_back,
        a_writer_that_leaves_leaves_memory_and_database_agreeing,
        pulls_and_checks_are_counted_in_one_write,
        a_hit_needs_no_database,
        every_method_can_run_on_any_thread;
    content:
        an_artifact_is_listed_while_nothing_else_shows_it,
        an_accessory_by_tag_or_by_subject_goes_with_its_subject,
        an_index_takes_what_nothing_else_needs,
        a_projects_artifacts_are_listed_together_or_the_newest_of_each_repository,
        labels_are_put_on_artifacts_and_found_by,
        content_is_counted_as_far_as_it_is_seen;
    immutability:
        a_projects_rules_are_few_different_and_seen_at_once,
        a_fixed_tag_is_made_and_made_again_and_never_moved,
        what_would_take_a_kept_tag_takes_nothing,
        of_many_who_push_a_fixed_tag_at_once_one_gives_it;
    people:
        the_first_user_is_number_one,
        a_name_or_address_is_given_once,
        a_deleted_users_projects_go_to_the_first_administrator,
        roles_follow_their_changes_at_once;
    policies:
        what_a_project_holds_is_counted_once_and_as_long_as_it_does,
        many_who_hold_the_same_at_once_are_counted_once,
        a_quota_is_set_and_listed_by_what_it_says,
        a_project_has_one_retention_policy_and_its_number;
    projects:
        a_project_is_what_was_said_of_it,
        people_see_the_projects_that_are_theirs_to_see,
        a_project_goes_only_when_it_is_empty,
        an_upstream_keeps_its_secret_and_goes_only_when_unused,
        repositories_are_listed_in_pages;
    upstreams:
        options_are_kept_as_they_were_sealed,
        tags_are_doubted_once_their_upstream_is_asked_anew,
        blobs_that_came_before_an_edit_are_no_sign_of_what_may_be_had_since;
}

#[tokio::test]
async fn fifty_thousand_repositories_are_listed_quickly() {
    let sqlite = Sqlite::new();
    projects::fifty_thousand_repositories_are_listed_quickly(sqlite.url()).await;
}

/// Entries of a long audit log: enough to tell an index from a look at everything.
const LONG: u64 = 400_000;

#[tokio::test]
async fn pages_of_a_long_log_come_quickly() {
    let sqlite = Sqlite::new();
    audit::pages_of_a_long_log_come_quickly(sqlite.url(), LONG).await;
}

#[tokio::test]
async fn older_projects_get_quotas_that_are_right() {
    let sqlite = Sqlite::new();
    policies::older_projects_get_quotas_that_are_right(sqlite.url()).await;
}

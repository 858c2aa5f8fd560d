//! Every route, as API Gateway calls the function: on the embedded store and on a real server.
//! Needs what `make tools` installs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod audit;
mod decisions;
mod errors;
mod events;
mod imports;
mod keys;
mod openapi;
mod plans;
mod policies;
#[path = "../../../../crates/usage/tests/stores/servers.rs"]
#[expect(dead_code, reason = "one of its servers is enough here")]
mod servers;
mod support;
mod usage_reports;

use std::sync::Arc;

use servers::Server;
use support::Api;

/// Runs each case, and names those that failed.
macro_rules! run {
    ($api:expr, $($module:ident::$case:ident)+) => {{
        let api: Arc<Api> = Arc::new($api);
        let mut failed = Vec::new();
        $(if tokio::spawn($module::$case(Arc::clone(&api))).await.is_err() {
            failed.push(stringify!($case));
        })+
        assert!(failed.is_empty(), "{failed:?}");
    }};
}

macro_rules! run_all {
    ($api:expr) => {
        run!($api,
            plans::a_plan_is_made_read_replaced_listed_and_taken_away
            plans::a_time_zone_is_stored_by_its_canonical_name
            plans::a_stale_version_changes_nothing
            plans::every_mistake_of_a_plan_is_told_at_once
            plans::a_plan_with_keys_is_not_taken_away
            plans::a_plan_is_returned_as_it_was_given_with_its_warnings
            plans::a_plan_that_a_policy_names_is_not_taken_away
            plans::a_cursor_that_no_page_returned_is_refused
            keys::a_key_is_made_read_changed_and_taken_away
            keys::a_secret_is_shown_once_and_never_again
            keys::a_repeated_creation_makes_one_key_and_shows_it_again
            keys::creations_at_once_with_one_idempotency_key_make_one_key
            keys::a_rotated_key_has_both_secrets
            keys::a_repeated_rotation_shows_the_same_secret
            keys::keys_are_listed_page_by_page
            keys::a_cursor_of_another_list_is_refused
            keys::a_key_that_expires_in_the_year_9999_is_made_and_shown
            keys::every_mistake_of_a_key_is_told_at_once
            imports::a_key_file_is_imported_and_exported
            imports::an_import_reads_what_an_export_writes
            imports::an_import_keeps_ids_and_expiry_of_an_export
            imports::an_import_never_undoes_what_ended_a_key
            imports::a_dry_run_of_an_import_writes_nothing
            imports::plans_of_another_account_are_replaced
            imports::files_of_other_dialects_are_refused
            policies::a_policy_is_one_that_the_authorizer_can_start_with
            policies::a_policy_that_names_a_missing_plan_is_stored_with_a_warning
            policies::a_wildcard_in_a_policy_or_a_plan_is_refused_and_named
            policies::rules_that_a_backend_may_confuse_are_stored_with_a_warning
            usage_reports::s47_a_report_adds_up_to_what_was_admitted
            usage_reports::a_usage_file_has_one_row_per_day_and_names_the_key
            usage_reports::s48_a_grant_moves_the_remainder_exactly
            usage_reports::a_repeated_grant_is_answered_as_the_first_was_and_no_other_has_its_key
            usage_reports::a_period_is_granted_no_more_than_the_largest_quota
            usage_reports::a_key_sees_its_own_usage_and_nobody_elses
            usage_reports::a_key_is_shown_the_plan_that_it_was_charged_on
            usage_reports::usage_of_a_deleted_key_is_readable
            usage_reports::usage_of_a_key_that_an_earlier_release_deleted_is_readable
            usage_reports::usage_is_readable_after_the_plan_was_deleted
            usage_reports::each_key_of_a_shared_plan_sees_its_own_calls
            decisions::a_decision_is_made_and_its_charge_given_back
            decisions::a_charge_that_nobody_made_gives_nothing_back
            decisions::peeking_charges_nothing
            decisions::s18_who_may_not_call_is_denied
            decisions::s36_what_can_never_pass_is_a_mistake
            decisions::members_that_do_not_go_together_are_told_at_once
        )
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_on_the_embedded_store() {
    run_all!(Api::embedded());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_on_ministack() {
    let server = Server::ministack();
    run_all!(Api::dynamodb(&format!("http://{}", server.address)).await);
}

//! Every route, called as API Gateway calls the function, on the embedded store and on MiniStack.
//! These tests need the tools that `make tools` installs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod account_page;
mod audit;
mod audit_operations;
mod audit_records;
mod blocks;
mod bulk;
mod callers;
mod compositions;
mod concurrency;
mod decisions;
mod errors;
mod events;
mod grants;
mod imports;
mod key_restrictions;
mod keys;
mod keys_put;
mod lookup;
mod lost_responses;
mod managed_by;
mod openapi;
mod plans;
mod policies;
mod request_counts;
mod response_headers;
mod search;
mod startup;
mod support;
mod usage_of_everybody;
mod usage_reports;
mod without_transactions;

use std::sync::Arc;

use support::Api;
use testing::Emulator;

/// Emits one test per case on the embedded store, and one test for all cases on MiniStack, which
/// takes longer to start than a case takes to run.
macro_rules! test_on_each_store {
    ($($module:ident { $($case:ident)+ })+) => {
        mod embedded {
            $(mod $module {
                use std::sync::Arc;

                use crate::support::Api;

                $(#[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    crate::$module::$case(Arc::new(Api::embedded())).await;
                })+
            })+
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn all_cases_pass_on_ministack() {
            let server = Emulator::ministack();
            let api = Api::dynamodb(&format!("http://{}", server.address)).await;
            let api = Arc::new(api);

            let mut failed = Vec::new();
            $($(if tokio::spawn($module::$case(Arc::clone(&api))).await.is_err() {
                failed.push(stringify!($module::$case));
            })+)+
            assert!(failed.is_empty(), "{failed:?}");
        }
    };
}

test_on_each_store! {
    account_page {
        page_has_a_strict_policy_and_names_the_key_header
    }
    plans {
        plan_is_created_read_replaced_listed_and_deleted
        time_zone_is_stored_by_its_canonical_name
        stale_version_changes_nothing
        every_mistake_of_a_plan_is_reported_at_once
        plan_with_keys_is_not_deleted
        plan_is_returned_unchanged_with_warnings
        plan_in_a_policy_is_not_deleted
        unknown_cursor_is_rejected
    }
    keys {
        key_is_created_read_updated_and_deleted
        secret_is_shown_only_once
        repeated_creation_returns_the_same_key
        concurrent_creations_with_one_idempotency_key_create_one_key
        both_secrets_of_a_rotated_key_work
        repeated_rotation_returns_the_same_secret
        keys_are_listed_page_by_page
        cursor_of_another_list_is_rejected
        key_can_expire_in_the_year_9999
        every_mistake_of_a_key_is_reported_at_once
    }
    key_restrictions {
        restrictions_are_shown_in_canonical_form_and_removed_by_null
        every_invalid_restriction_is_reported
        key_is_denied_before_its_time_and_from_elsewhere
        keys_of_a_group_share_their_limits
        disabled_plan_denies_all_its_callers_and_keeps_their_usage
    }
    keys_put {
        key_with_a_chosen_id_is_created_and_changed
        precondition_of_a_put_decides_between_creation_and_change
        id_of_another_form_is_rejected
        moved_key_keeps_its_id_and_its_secret
        concurrent_puts_create_one_key
        repeated_put_returns_the_same_secret
        secret_is_taken_over_by_its_hash
        id_of_a_deleted_key_is_not_used_again
        secrets_have_the_prefix_of_their_key
        hashes_of_present_secrets_are_listed_page_by_page
    }
    lookup {
        key_is_found_by_each_of_its_secrets
        disabled_key_is_found
        secrets_of_no_key_and_of_deleted_keys_are_not_found
        secret_itself_is_rejected_and_not_repeated
        rotation_takes_over_a_secret_by_its_hash
    }
    managed_by {
        object_shows_the_program_that_created_it
        later_changes_keep_the_program_that_created_the_object
        object_that_is_created_again_has_the_new_name
        creation_is_recorded_with_the_name
        invalid_name_is_rejected
    }
    concurrency {
        listed_entity_tag_is_that_of_the_document
        repeated_put_changes_nothing_and_has_no_record
        put_and_delete_require_the_version_that_was_read
        repeated_creation_of_a_key_is_recognized_by_its_hash
        policy_that_is_too_large_is_rejected
    }
    bulk {
        keys_are_changed_with_the_token_of_the_dry_run
        change_that_empties_its_selection_can_be_repeated
        changed_selection_is_a_conflict
        change_of_any_field_after_the_dry_run_is_a_conflict
        bulk_change_enables_no_key_unless_it_says_so
        key_that_would_become_invalid_is_reported
        bulk_change_needs_a_filter_and_a_change
    }
    search {
        pages_of_a_search_are_the_filtered_list
        invalid_searches_are_rejected
        key_shows_the_day_of_its_last_use
    }
    imports {
        key_file_is_imported_and_exported
        exported_file_is_imported_unchanged
        import_keeps_ids_and_expiry
        import_never_restores_a_disabled_or_revoked_key
        dry_run_writes_nothing
        plan_ids_of_another_account_are_mapped
        other_csv_dialects_are_rejected
    }
    blocks {
        block_is_created_read_replaced_listed_and_removed
        invalid_block_is_rejected
        changes_of_a_block_are_recorded
        block_may_end_on_the_last_day
        blocked_callers_are_denied
        blocked_network_stops_only_subjects_from_its_addresses
        issuer_that_can_be_blocked_is_accepted_by_decisions
    }
    audit_operations {
        every_write_operation_has_its_record
    }
    audit_records {
        every_change_has_one_record_without_secrets
        grant_has_one_record_of_what_it_changed
        change_that_is_refused_or_changes_nothing_has_no_record
        import_has_one_record_per_transaction
        records_are_selected_by_time_and_paged
        invalid_query_of_records_is_rejected
        bulk_change_has_one_record_per_transaction
    }
    policies {
        only_valid_policies_are_stored
        policy_with_a_missing_plan_is_stored_with_a_warning
        wildcard_in_a_policy_or_plan_is_rejected
        rules_that_differ_only_in_case_are_stored_with_a_warning
        policies_are_listed_page_by_page_with_their_candidates
        policy_is_deleted_with_its_candidate
        policy_in_use_is_deleted_only_by_force
        candidate_is_written_read_and_deleted
        candidate_is_put_in_force
        candidate_of_an_earlier_policy_is_not_put_in_force
        candidate_is_put_in_force_as_a_whole_or_not_at_all
    }
    compositions {
        composition_is_returned_as_it_was_sent
        numbers_of_a_composition_are_not_changed
        only_compositions_that_a_composer_can_load_are_stored
        doubtful_composition_is_stored_with_a_warning
        composition_that_is_too_large_is_rejected
        compositions_are_listed_page_by_page
        change_of_a_composition_is_recorded_with_its_urls
        composition_in_use_is_deleted_only_by_force
    }
    usage_reports {
        report_adds_up_to_the_allowed_calls
        csv_report_has_one_row_per_day_and_the_name_of_the_key
        grant_changes_the_remaining_calls_exactly
        repeated_grant_returns_the_first_response_and_other_grants_are_rejected
        grants_are_limited_to_the_largest_quota
        key_sees_only_its_own_usage
        own_report_shows_the_charged_plan
        usage_of_a_deleted_key_is_readable
        usage_of_a_key_deleted_by_an_earlier_release_is_readable
        usage_is_readable_after_the_plan_was_deleted
        each_key_of_a_shared_plan_sees_its_own_calls
        key_of_a_group_sees_its_own_days_and_the_quotas_of_the_group
        token_and_certificate_see_their_own_usage
        caller_comes_from_the_authorizer_alone
    }
    callers {
        usage_of_a_subject_is_reported_and_granted
        keys_of_a_group_share_the_grant
        usage_of_certificates_and_addresses_is_reported_and_granted
        subject_of_a_shared_plan_has_its_own_days
        details_name_the_mistake
        refund_of_a_key_is_returned_to_its_group
        invalid_callers_are_rejected
    }
    grants {
        grants_are_listed_and_revoked
        revocations_have_one_record_each
        unknown_grants_and_removals_are_not_revoked
        grants_of_other_callers_are_listed_and_revoked
        keys_of_a_group_share_their_grants
    }
    usage_of_everybody {
        every_key_of_a_plan_has_one_row_in_one_of_the_pages
        periods_are_days_and_months_of_the_range
        csv_pages_can_be_concatenated
        keys_of_a_group_have_their_own_calls
        keys_with_the_most_calls_come_first
        days_are_those_of_the_time_zone_of_the_plan
        invalid_queries_of_usage_are_rejected
        deleted_keys_come_last
        keys_of_a_deleted_plan_are_reported
        usage_is_selected_like_keys
    }
    decisions {
        decision_is_charged_and_refunded
        decision_names_the_charged_caller
        forged_charge_is_rejected
        peek_by_key_id_shows_the_limits_of_the_key
        key_id_is_only_accepted_to_peek
        peek_charges_nothing
        invalid_keys_are_denied
        call_that_can_never_be_allowed_is_rejected
        conflicting_fields_are_reported_at_once
    }
}

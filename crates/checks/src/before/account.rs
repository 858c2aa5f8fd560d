//! What the parameters name in the AWS account.

mod concurrency;
mod deployment;
mod domain;
mod endpoints;
mod kms_key;
mod listener;
mod listener_certificate;
mod permissions_boundary;
mod policy;
mod registry;
mod rule_priorities;
mod secrets;
mod subnets;
mod target_groups;
#[cfg(test)]
mod tests;
mod topic;
mod truststore;
mod vpc_link;
mod zones;

use super::context::Parameters;
use crate::runner::Entry;

/// The checks of the group `account`.
pub(super) const CHECKS: &[Entry<Parameters>] = &[
    listener::EXISTS_ENTRY,
    listener_certificate::ENTRY,
    rule_priorities::ENTRY,
    listener::ATTRIBUTES_ENTRY,
    subnets::ENTRY,
    vpc_link::ENTRY,
    endpoints::ENTRY,
    target_groups::ENTRY,
    domain::ENTRY,
    truststore::ENTRY,
    concurrency::ENTRY,
    secrets::ENTRY,
    kms_key::ENTRY,
    registry::ENTRY,
    topic::ENTRY,
    permissions_boundary::ENTRY,
];

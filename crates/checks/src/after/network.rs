//! The load balancer, its security groups and the VPC link.

mod alb;
mod backend;
mod backend_tls;
mod drift;
mod endpoints;
mod ingress;
mod integration;
mod link;
mod link_settings;
mod listener_rules;
mod nlb_targets;
mod origin_proof;
mod targets;
mod vpc_link;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `network`.
pub(super) const CHECKS: &[Entry<Stack>] = &[
    vpc_link::ENTRY,
    link_settings::SUBNETS_ENTRY,
    link_settings::GROUPS_ENTRY,
    alb::DROPS_INVALID_HEADERS_ENTRY,
    alb::DESYNC_MODE_ENTRY,
    alb::INTERNAL_ENTRY,
    ingress::ENTRY,
    listener_rules::PRESENT_ENTRY,
    listener_rules::FIRST_ENTRY,
    listener_rules::HEADER_ENTRY,
    backend_tls::ENTRY,
    targets::ENTRY,
    nlb_targets::ENTRY,
    endpoints::ENTRY,
    origin_proof::ENTRY,
    drift::ENTRY,
];

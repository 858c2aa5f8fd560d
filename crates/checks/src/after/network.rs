//! The load balancer, its security groups and the VPC link.

mod alb;
mod backend;
mod ingress;
mod integration;
mod link;
mod listener_rules;
mod vpc_link;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `network`.
pub(super) const CHECKS: &[Entry<Stack>] = &[
    vpc_link::ENTRY,
    alb::DROPS_INVALID_HEADERS_ENTRY,
    alb::DESYNC_MODE_ENTRY,
    alb::INTERNAL_ENTRY,
    ingress::ENTRY,
    listener_rules::PRESENT_ENTRY,
    listener_rules::FIRST_ENTRY,
    listener_rules::HEADER_ENTRY,
];

//! alb-sync as the template has it, and as the local gateway runs it.

#[path = "../../functions/alb-sync/tests/scenarios/names.rs"]
#[expect(dead_code, reason = "the package's tests use the rest")]
mod names;
mod schedule;
#[path = "../../crates/store/tests/stores/servers.rs"]
#[expect(dead_code, reason = "the store's tests use the rest")]
mod servers;
mod template;

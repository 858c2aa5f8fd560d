//! The stores against real servers: the same behaviour everywhere, exactness under load, answers in
//! time. Needs what `make tools` installs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod accounts;
mod accounts_in_doubt;
mod admin;
mod alike;
mod audit;
mod begun_grants;
mod behaviour;
mod blocks;
mod candidates;
mod cases;
mod clock;
mod compositions;
mod creators;
mod exactness;
mod failure;
mod figures;
mod grant_records;
mod grants;
mod imports;
mod items;
mod leases;
mod limits;
mod listings;
mod many_callers;
mod own_reports;
mod quota_kinds;
mod quotas;
mod reads;
mod refunds_in_doubt;
mod registry_items;
mod revocations;
mod time_zones;
mod usage_queries;

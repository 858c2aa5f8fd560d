//! alb-sync keeps the targets of Network Load Balancers in line with DNS names.
//!
//! - Trigger: any event, from an EventBridge schedule every minute. `{"dry_run": true}` changes
//!   nothing.
//! - Reads: the names of `SYNC_TARGETS` from DNS, their target groups (DescribeTargetHealth, and
//!   DescribeTargetGroups once), and one item of `USAGE_TABLE` per group.
//! - Writes: registers and deregisters IP targets, the item if something changed, and one log line
//!   and one line of gauges per group.
//! - On failure: the group stays unchanged. This covers a name that cannot be resolved, a group that
//!   cannot be described and a state that cannot be read or written. The other groups are still
//!   processed, and the run then fails with an error that contains the report. Only targets that
//!   alb-sync registered, or that a name has resolved to, ever leave.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use alb_sync::{AlbSync, Config};
//! use aws::Deadline;
//! use telemetry::RecordLog;
//!
//! let lookup = |name: &str| std::env::var(name).ok();
//! let config = Config::from_lookup(lookup)?;
//! let sync = Arc::new(AlbSync::open(config, lookup, RecordLog::stdout()).await?);
//!
//! let deadline = Deadline::after(Instant::now(), Duration::from_secs(30));
//! let report = sync.handle(&serde_json::json!({"dry_run": true}), deadline).await?;
//! println!("{} groups", report.targets.len());
//! # Ok(())
//! # }
//! ```
//!
//! IAM of Lambda's own calls: sqs:SendMessage on ScheduleDeadLetters

mod admissible;
mod apply;
mod config;
mod coverage;
mod error;
mod event;
mod gauges;
mod group;
mod log;
mod observe;
mod outcome;
mod pace;
mod reconcile;
mod resolver;
mod sampling;
mod state;
mod state_table;
mod sync;
mod target;
mod target_groups;

pub use config::Config;
pub use event::InvalidEvent;
pub use outcome::{GroupMetrics, Outcome, Report, RunError};
pub use reconcile::Settings;
pub use sync::{AlbSync, Failure, OpenError};

/// Parts of the function that its integration tests and benchmarks use on their own.
#[doc(hidden)]
pub mod testing {
    pub use crate::resolver::{Family, ResolveError, Resolver};
    pub use crate::sampling::{DnsResponse, Evidence, Resolution, Sampler};
    pub use sync_targets::ResponseScope;
}

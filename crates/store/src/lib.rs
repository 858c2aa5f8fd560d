//! The usage of every caller, and the charge of one call.
//!
//! A decision is [`limits::Demand`]'s. A store applies an allowed demand as a whole or not at all:
//! [`EmbeddedStore`] inside one process, [`DynamoDbStore`] by one conditional write. Both also
//! contain the [`registry`] that keys and plans are read from.
//!
//! - reads: plans by name, keys by their SHA-256; from DynamoDB at most every 30 s
//! - writes: the usage of one caller, all of its limits together
//! - on failure: a refusal is a [`limits::Verdict`]. While the store does not respond, the plan's
//!   `on_store_failure` decides, and the [`limits::Decision`] says so. Everything else is a
//!   [`StoreError`].
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use aws::Deadline;
//! use limits::{Caller, Verdict};
//! use registry::Seeds;
//! use store::{Call, EmbeddedStore};
//!
//! let seeds = Seeds::parse(r#"{"plans": {"free": {"throttle": {"rate": 1, "burst": 1}}}}"#)?;
//! let store = EmbeddedStore::new(&seeds)?;
//! let plan = store.registry().plan("free").ok_or("no such plan")?;
//! let call = Call {
//!     caller: &Caller::Key("key-1".to_owned()),
//!     group: None,
//!     plan: &plan,
//!     route: None,
//!     cost: 1,
//!     deadline: Deadline::after(Instant::now(), Duration::from_millis(200)),
//! };
//!
//! assert_eq!(store.charge(&call)?.verdict, Verdict::Allowed);
//! assert!(matches!(store.charge(&call)?.verdict, Verdict::Throttled { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod call;
mod caller_days;
mod caller_grants;
mod clock;
mod day_counts;
mod dynamodb;
mod embedded;
mod error;
mod figures;
mod grant_lists;
mod grant_request;
mod ledger;
mod made_grants;
mod on_store_failure;
mod partition_keys;
mod store;
mod store_config;
mod threshold_log;

pub use crate::dynamodb::{DynamoDbConfig, DynamoDbStore};
pub use call::Call;
pub use caller_days::{CallerDays, ReportedCaller};
pub use caller_grants::{CallerGrants, QuotaGrant, RevokeRequest, RevokedGrant};
pub use clock::Clock;
pub use embedded::EmbeddedStore;
pub use error::{GrantError, StoreError};
pub use grant_request::GrantRequest;
pub use partition_keys::{CHARGE_KEYS, CORRECTION_KEYS};
pub use store::Store;
pub use store_config::{OpenError, OpenStore, StoreConfig, StoreConfigError};

//! The metrics publisher turns call records and access logs into CloudWatch metrics, and keeps
//! their distribution. Log lines about quota thresholds become events of EventBridge.
//!
//! - Trigger: call records and embedded metrics, invoked directly or from an SQS queue, also in
//!   envelopes of SNS and EventBridge; a CloudWatch Logs subscription to
//!   the API's access log and to the other functions' logs; a schedule, which makes it probe the
//!   endpoints that AWS clients call.
//! - Reads: the event, and the names and endpoints of `PROBE_SERVICES`.
//! - Writes: metrics, in one request per delivery if they fit, and one item of `USAGE_TABLE` per
//!   day, in which instances agree on the series of the day. With `PUBLISH_ONCE`, one item per
//!   delivery, which claims it. With `THRESHOLD_EVENTS`, events of the
//!   default bus of EventBridge, ten per request, before the metrics.
//! - On failure: an invalid record is rejected with its index and reason, and does not affect the
//!   others. If data could not be sent, the event fails, or only the messages that contain the
//!   data, so that they are delivered again. Data that CloudWatch rejects for good are logged and
//!   counted in `RejectedRecords`, and not sent again. A message whose data are all rejected goes
//!   to the dead-letter queue.
//! - Double counting: log events and messages are deduplicated by their ids within one delivery. A
//!   delivery is repeated after a lost response, or if part of it could not be sent, and then counts
//!   again. With `PUBLISH_ONCE`, data in doubt are lost instead.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::{Duration, Instant};
//!
//! use aws::Deadline;
//! use telemetry::RecordLog;
//!
//! let lookup = |name: &str| std::env::var(name).ok();
//! let publisher = metrics_publisher::open(lookup, RecordLog::stdout()).await?;
//!
//! let event = r#"{"records":[{"service":"billing","operation":"Charge","duration_ms":12.5,"success":true}]}"#;
//! let deadline = Deadline::after(Instant::now(), Duration::from_secs(10));
//! let response = publisher.handle(event, deadline).await?;
//! assert_eq!(response["accepted"], 1);
//! # Ok(())
//! # }
//! ```
//!
//! IAM of Lambda's own calls: sqs:SendMessage on MetricsDeadLetters

mod access_fields;
mod access_log;
mod aggregate;
mod batches;
mod buckets;
mod call_aggregate;
mod candidate_counts;
mod claims;
mod cloudwatch;
mod config;
mod decoder;
mod delivery_id;
mod duration;
mod elements;
mod embedded;
mod endpoint_probe;
mod eventbridge;
mod flat_json;
mod intake;
mod line;
mod message;
mod name;
mod own_dimensions;
mod place;
mod prober;
mod publisher;
mod queue;
mod quoting;
mod record;
mod rejection;
mod scalar;
mod series;
mod series_cap;
mod series_registry;
mod source;
mod threshold;
mod time;

pub use aggregate::{Aggregate, Aggregator};
pub use buckets::Buckets;
pub use config::Config;
pub use intake::{Intake, IntakeError};
pub use publisher::{EventContext, Failure, OpenError, Publisher, open, respond};
pub use series::{Metric, Series, Unit};
pub use series_cap::SeriesCap;

/// Parts of the function that its integration tests and benchmarks use on their own.
#[doc(hidden)]
pub mod testing {
    pub use crate::aggregate::Datum;
    pub use crate::batches::{
        MAX_DATUM_VALUES, MAX_REQUEST_BYTES, MAX_REQUEST_DATA, request_batches,
    };
    pub use crate::buckets::RELATIVE_ERROR;
    pub use crate::claims::Claims;
    pub use crate::cloudwatch::{CloudWatch, Outcome};
    pub use crate::eventbridge::{DETAIL_TYPE, EventBridge, MAX_REQUEST_EVENTS, SOURCE};
    pub use crate::prober::Prober;
    pub use crate::series::OTHER;
    pub use crate::series_registry::SeriesRegistry;
    pub use crate::time::Window;
}

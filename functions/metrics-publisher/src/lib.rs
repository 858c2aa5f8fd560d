//! The metrics publisher: what every call did, as CloudWatch metrics that keep their distribution.
//!
//! - trigger: call records, directly or from an SQS queue; a CloudWatch Logs subscription to the
//!   API's access log and
//!   to the other functions' logs; a schedule, which has it probe the endpoints that AWS clients
//!   call
//! - reads: the event; the names and endpoints of `PROBE_SERVICES`
//! - writes: metrics, one request a delivery where they fit into one; one item of `USAGE_TABLE` a
//!   day, in which
//!   instances agree on the series that have a place
//! - on failure: a record that cannot be counted is rejected with its place and reason, and never
//!   costs its
//!   neighbours. Data that could not be sent are an error, so that the event comes again, or the
//!   ids of the messages
//!   that they come from. Data that CloudWatch refuses for good are logged, counted in
//!   `RejectedRecords`, and not sent
//!   again; a message of which all data were refused ends among the dead letters
//! - counted twice: log events and messages are recognised by their ids within one delivery, not in
//!   a later one. A
//!   delivery comes again after a lost reply, or when part of it could not be sent
//!
//! IAM of Lambda's own calls: sqs:SendMessage on MetricsDeadLetters

mod access_fields;
mod access_log;
mod aggregate;
mod batches;
mod buckets;
mod cloudwatch;
mod config;
mod decoder;
mod duration;
mod elements;
mod endpoint;
mod flat_json;
mod intake;
mod line;
mod name;
mod probe;
mod publisher;
mod queue;
mod record;
mod rejection;
mod scalar;
mod series;
mod series_cap;
mod series_registry;
mod source;
mod time;

pub use aggregate::{Aggregate, Aggregator, Datum};
pub use batches::{MOST_BYTES, MOST_DATA, MOST_VALUES, batches};
pub use buckets::{Buckets, RELATIVE_ERROR};
pub use cloudwatch::{CloudWatch, Outcome};
pub use config::Config;
pub use decoder::{DecodeError, decode};
pub use endpoint::Prober;
pub use intake::{Intake, IntakeError};
pub use probe::{Place, Probed};
pub use publisher::{Failure, OpenError, Publisher, answer, open};
pub use queue::{Batch, NoMessageId};
pub use rejection::{Reason, Rejection, Rejections};
pub use series::{Metric, OTHER, Series, Unit};
pub use series_cap::SeriesCap;
pub use series_registry::SeriesRegistry;
pub use source::{Source, UnknownSource};
pub use time::Window;

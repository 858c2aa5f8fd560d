//! What the registry and the usage store share about DynamoDB.
//!
//! A [`Call`] is one request: it asks the circuit breaker before it, and tells the breaker its
//! outcome afterwards. A request without a usable response is an [`Outage`], which
//! says whether the store, one hot item or a conflicting write is to blame, and whether a retry is
//! safe. [`create_table`] creates a table on a local server.
//!
//! - reads and writes: nothing by itself
//! - on failure: [`Outage`] or [`RequestError`]

mod call;
mod outage;
mod request_error;
mod tables;
mod throttle;

pub use call::{Attempt, Call};
pub use outage::{FailedRequest, Outage, OutageCause};
pub use request_error::RequestError;
pub use tables::{TableSchema, create_table};
pub use throttle::{Throttle, Throttles};

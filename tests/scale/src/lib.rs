//! Simulates the decisions of thousands of authorizers against a model of DynamoDB.
//!
//! The code that decides is the product's: each instance is a `DynamoDbStore` with its own caches,
//! memory and leases. The clock, the network and the tables are simulated. The tables evaluate the
//! expressions of the requests, and throttle by a model of DynamoDB's partitions.
//!
//! | module | contents |
//! |---|---|
//! | [`timeline`] | virtual time |
//! | [`partitions`] | the capacity of a table: partitions, splits, the quota of the table |
//! | [`tables`] | items, requests and responses |
//! | [`simulation`] | arrivals, instances and decisions |
//! | [`scenarios`] | the simulations whose figures are in docs/concepts/scale.md |

pub mod call;
pub mod counts;
pub mod documents;
pub mod expression;
pub mod partitions;
pub mod results;
pub mod scenario;
pub mod scenarios;
pub mod simulation;
pub mod tables;
pub mod timeline;
pub mod transport;
pub mod zipf;

//! Reads AWS services by signed calls, without their SDK clients.
//!
//! An SDK client for each service would add minutes to a build. All calls only read.

mod account;
mod call;
mod service;
mod unread;
mod xml;

pub use account::{Account, Transport, array, text};
pub use call::Call;
pub use service::Service;
pub use unread::Unread;

//! The words that leave Tollgate: decisions, reasons, context fields and backend headers.
//!
//! The authorizer and the limiter write these words, the template maps and matches them, and the
//! metrics publisher counts them. They are public: changing or removing one is a breaking change.
//!
//! ```
//! use outcome::{BACKEND_HEADERS, Decision, Reason};
//!
//! assert_eq!(Decision::Throttled.as_str(), "throttled");
//! assert_eq!(Reason::QuotaExceeded.to_string(), "quota_exceeded");
//! assert!(BACKEND_HEADERS.contains(&"x-tollgate-decision"));
//! ```

#[macro_use]
mod words;

mod backend_headers;
mod context_field;
mod decision;
mod rate_limit_headers;
mod reason;

pub use backend_headers::{
    BACKEND_HEADER_PREFIX, BACKEND_HEADERS, ORIGIN_HEADER, resembles_backend_header, with_dashes,
};
pub use context_field::ContextField;
pub use decision::Decision;
pub use rate_limit_headers::{RateLimitHeaders, RateLimitHeadersError};
pub use reason::Reason;

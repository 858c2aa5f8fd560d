//! Route keys such as `GET /pets/{id}` and the choice between them.
//!
//! One matcher serves the local gateway's routes, the authorizer's rules and a plan's routes, so
//! that a path means the same thing wherever it is looked at.
//!
//! Source of syntax and precedence: *Create routes for HTTP APIs*,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>.

mod choice;
mod fold;
mod key;
mod matching;
mod spellings;
mod table;

pub use choice::{Ambiguity, Conflict, Demands, PathRules};
pub use key::{RouteKey, RouteKeyError};
pub use matching::PathMatching;
pub use table::{DuplicateRoute, Match, RouteTable};

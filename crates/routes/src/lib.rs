//! Route keys such as `GET /pets/{id}`, and the choice of one for a request.
//!
//! The routes of the local gateway, the rules of policies and the routes of plans use the same
//! matcher, so that a path means the same everywhere.
//!
//! ```
//! use routes::RouteTable;
//!
//! let mut table = RouteTable::default();
//! table.insert("ANY /{proxy+}".parse()?, "default")?;
//! table.insert("GET /pets/{id}".parse()?, "pet")?;
//!
//! let route = table.find("GET", "/pets/7").unwrap();
//! assert_eq!((*route.value, route.parameters[0]), ("pet", ("id", "7")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source of syntax and precedence: *Create routes for HTTP APIs*,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>.

mod choice;
mod fold;
mod key;
mod path_check;
mod path_options;
mod spellings;
mod table;

pub use choice::{Ambiguity, Conflict, Demands, PathRules};
pub use key::{RouteKey, RouteKeyError};
pub use path_check::path_ambiguity;
pub use path_options::PathOptions;
pub use table::{DuplicateRoute, Match, RouteTable};

//! Reads settings from environment variables.
//!
//! Variables are looked up through a function: `std::env::var` in a Lambda function, a map in a
//! test, the template in the local gateway. An empty value counts as missing. Every error names the
//! variable and what was expected.
//!
//! ```
//! use environment::Variables;
//!
//! let lookup = |name: &str| (name == "MAX_SERIES").then(|| "0".to_owned());
//! let variables = Variables::new(lookup);
//!
//! assert_eq!(variables.flag("DRY_RUN"), Ok(false));
//!
//! let error = variables.number("MAX_SERIES", 500, 1..=10_000).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     r#"MAX_SERIES: invalid value "0", expected an integer from 1 to 10000"#,
//! );
//! ```

mod namespace;
mod setting_error;
mod variables;

pub use setting_error::SettingError;
pub use variables::Variables;

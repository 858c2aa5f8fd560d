//! The environment of the process, or that of a test.

use std::fmt;
use std::sync::Arc;

/// A lookup of variables.
#[derive(Clone)]
pub(crate) struct Environment(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Returns a variable of the process. Bytes that are not UTF-8 are replaced, so that an invalid value
/// is reported and not taken for a missing one.
pub(crate) fn process_environment(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    Some(value.to_string_lossy().into_owned())
}

impl Environment {
    /// Returns the environment of the process.
    pub(crate) fn process() -> Self {
        Self::of(process_environment)
    }

    /// Returns the environment with the variables that a function returns.
    pub(crate) fn of(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// Returns the value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }
}

impl fmt::Debug for Environment {
    /// Omits the variables, which may contain secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Environment")
    }
}

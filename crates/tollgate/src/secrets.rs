//! Secrets of keys: generated here, kept in a file of mode 0600, shown on a terminal only, and read
//! without echo. A secret is never an argument, and never in a log, an error or `Debug` output.

mod error;
mod file;
mod input;
mod output;
mod records;
mod terminal;

pub(crate) use error::SecretsError;
pub(crate) use file::{KeyToCreate, SecretsFile};
pub(crate) use input::read_secret;
pub(crate) use output::SecretsOutput;
pub(crate) use registry::Secret;

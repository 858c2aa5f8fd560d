//! The secrets that a policy refers to.

mod secret;
mod secret_reader;

pub(crate) use self::secret::Secret;
pub(crate) use self::secret_reader::{SecretError, SecretReader};

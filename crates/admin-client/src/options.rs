//! The options that select a target.

use std::path::PathBuf;

use crate::environment::process_environment;
use crate::error::ClientError;
use crate::target::Place;

/// The options that select a target, as given on the command line. Missing options are read from
/// the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetOptions {
    /// The URL of the API. Instead of it, `stack` can be given.
    pub url: Option<String>,
    /// The name of a CloudFormation stack, whose output `ApiUrl` is the URL.
    pub stack: Option<String>,
    /// The name of a profile in the AWS configuration files.
    pub profile: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
    /// A PEM file with the client certificate and its intermediate certificates.
    pub certificate: Option<PathBuf>,
    /// The PEM file with the private key of `certificate`.
    pub private_key: Option<PathBuf>,
}

impl TargetOptions {
    /// Returns the name of the stack that the options, or else the environment, select. `None` if
    /// they select a URL.
    ///
    /// # Errors
    /// [`ClientError`] if they contradict each other, or the URL is invalid.
    pub fn selected_stack(&self) -> Result<Option<String>, ClientError> {
        match Place::select(self, process_environment)? {
            Place::Stack(name) => Ok(Some(name)),
            Place::Url(_) => Ok(None),
        }
    }
}

//! The options that select a target.

use std::path::PathBuf;

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

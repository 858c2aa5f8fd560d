//! The options of every command that calls an API.

use std::path::PathBuf;

use admin_client::{AdminClient, TargetOptions};
use clap::Args;

use crate::commands::CommandError;

/// The heading of these options in `--help`. `next_help_heading` would also apply to the options that
/// follow in the command.
const HEADING: &str = "Target";

/// The API that a command is about. The local gateway by default.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TargetArgs {
    /// URL of the API. Default: `TOLLGATE_URL`, or else `http://127.0.0.1:3000`
    #[arg(help_heading = HEADING, long, value_name = "URL", conflicts_with = "stack")]
    url: Option<String>,
    /// Deployed stack, whose output `ApiUrl` is the URL. Default: `TOLLGATE_STACK`
    #[arg(help_heading = HEADING, long, value_name = "NAME")]
    stack: Option<String>,
    /// Profile of the AWS configuration files
    #[arg(help_heading = HEADING, long, value_name = "NAME")]
    profile: Option<String>,
    /// AWS region of the API or stack
    #[arg(help_heading = HEADING, long, value_name = "REGION")]
    region: Option<String>,
    /// PEM file with a client certificate, for an API with mutual TLS
    #[arg(help_heading = HEADING, long = "cert", value_name = "FILE", requires = "private_key")]
    certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate
    #[arg(help_heading = HEADING, long = "key", value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,
}

impl TargetArgs {
    /// Returns a client of the API.
    ///
    /// # Errors
    /// [`CommandError`] if the target is invalid or cannot be found.
    pub(crate) async fn connect(&self) -> Result<AdminClient, CommandError> {
        Ok(AdminClient::connect(&self.options()).await?)
    }

    /// Returns the options of the client.
    pub(crate) fn options(&self) -> TargetOptions {
        TargetOptions {
            url: self.url.clone(),
            stack: self.stack.clone(),
            profile: self.profile.clone(),
            region: self.region.clone(),
            certificate: self.certificate.clone(),
            private_key: self.private_key.clone(),
        }
    }
}

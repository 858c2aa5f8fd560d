//! The options of `invoke`.

use std::path::PathBuf;

use clap::Args;
use http::Uri;

use super::values::endpoint;

/// The options of `invoke`.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// Name of the function, such as `authorizer`
    pub(crate) function: String,
    /// Event files; missing settings are taken from the env.json next to the first one
    #[arg(required = true, value_name = "EVENT.json")]
    pub(crate) events: Vec<PathBuf>,
    /// Endpoint of all AWS clients
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint: Option<Uri>,
}

//! The options of `serve`.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gateway::local::{DEFAULT_STATE_FOLDER, Options};
use gateway::pages::Pages;
use http::Uri;

use super::listen;
use super::values::{address, endpoint, parameter, service};

/// The options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on: IP:PORT, localhost:PORT, or PORT for 127.0.0.1
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = listen::address)]
    pub(crate) listen: SocketAddr,
    /// Template to serve
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Value of a template parameter; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Backend to use instead of the built-in echo service
    #[arg(long, value_name = "URL", value_parser = backend)]
    pub(crate) backend: Option<Uri>,
    /// Endpoint of all AWS clients, instead of the embedded store. An endpoint on another machine
    /// requires `AWS_REGION` and credentials in the environment
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint: Option<Uri>,
    /// Policy of the authorizer as JSON, instead of the template's
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Compositions as JSON, instead of the template's
    #[arg(long, value_name = "FILE")]
    pub(crate) compositions: Option<PathBuf>,
    /// URL of a service that compositions call, instead of the backend; may be repeated
    #[arg(long = "service", value_name = "NAME=URL", value_parser = service)]
    pub(crate) services: Vec<(String, Uri)>,
    /// Plans and keys as JSON, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) seeds: Option<PathBuf>,
    /// Log format. The default is text on a terminal, and JSON otherwise
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// Folder of the local issuer's signing key, which is created on first use
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_STATE_FOLDER)]
    pub(crate) state: PathBuf,
}

impl Serve {
    /// Returns the options of the gateway, which also serves `pages`.
    pub(crate) fn into_options(self, pages: Pages) -> Options {
        Options {
            listen: self.listen,
            template: self.template,
            parameters: self.parameters,
            backend: self.backend,
            endpoint: self.endpoint,
            policy: self.policy,
            compositions: self.compositions,
            services: self.services,
            seeds: self.seeds,
            state: self.state,
            pages: Some(pages),
        }
    }
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line per request and per message
    Text,
    /// JSON lines as on AWS: the template's access log, call records, and the messages of functions
    Json,
    /// No lines
    Off,
}

impl LogFormat {
    /// Returns the format for standard output if no option selects one.
    pub(crate) fn of_stdout() -> Self {
        if std::io::stdout().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Parses the address of a backend.
pub(crate) fn backend(text: &str) -> Result<Uri, String> {
    address(text, &["http"]).ok_or_else(|| "expected http://HOST:PORT without a path".to_owned())
}

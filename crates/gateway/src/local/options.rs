//! The options of a local gateway.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;

use crate::pages::Pages;

/// The default folder of the local issuer's signing key, relative to the working directory.
pub const DEFAULT_STATE_FOLDER: &str = ".tollgate";

/// The options of a local gateway.
#[derive(Debug)]
pub struct Options {
    /// The address to listen on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The template file.
    pub template: PathBuf,
    /// The names and values of template parameters. The others have their defaults.
    pub parameters: Vec<(String, String)>,
    /// The backend of all HTTP integrations. Without one, a built-in service echoes requests.
    pub backend: Option<Uri>,
    /// The endpoint of all AWS clients. Without one, the gateway uses the embedded store.
    pub endpoint: Option<Uri>,
    /// A policy file that replaces the template's policy.
    pub policy: Option<PathBuf>,
    /// A file of compositions, which replaces the template's compositions.
    pub compositions: Option<PathBuf>,
    /// The names and URLs of services that compositions call. Parts of any other service call the
    /// backend, so that a local gateway never calls a production service by accident.
    pub services: Vec<(String, Uri)>,
    /// A file of plans and keys that replaces the built-in ones.
    pub seeds: Option<PathBuf>,
    /// The folder of the local issuer's signing key.
    pub state: PathBuf,
    /// More pages of the gateway, which only programs and browsers on this machine can open.
    pub pages: Option<Pages>,
}

//! The API whose deployment is checked.

use admin_client::TargetOptions;
use bytes::Bytes;
use checks::Group;
use http::Request;
use http::header::HOST;

use crate::backend::Backend;
use crate::problem::Problem;

/// The API whose deployment is checked.
#[derive(Clone, Debug)]
pub(crate) struct CheckTarget {
    pub(super) options: TargetOptions,
    /// True if the API belongs to a stack.
    has_stack: bool,
    /// False if the console only reads.
    pub(super) may_write: bool,
    /// The header of API keys, if it is known.
    pub(super) key_header: Option<String>,
    pub(super) version: String,
}

impl CheckTarget {
    /// Returns the target of the console. The local gateway is called at the address to which the
    /// browser sent its request.
    ///
    /// # Errors
    /// 400 if the request names no host.
    pub(crate) fn of(backend: &Backend, request: &Request<Bytes>) -> Result<Self, Problem> {
        let description = backend.target();
        let options = match backend {
            Backend::Local(_) => TargetOptions {
                url: Some(own_url(request)?),
                ..TargetOptions::default()
            },
            Backend::Deployed(api) => api.options.clone(),
        };
        let has_stack = match backend {
            Backend::Local(_) => false,
            Backend::Deployed(api) => api.stack.is_some(),
        };

        Ok(Self {
            options,
            has_stack,
            may_write: description.may_write,
            key_header: backend.key_header().map(|header| header.to_string()),
            version: description.version.clone(),
        })
    }

    /// True if the checks of a group can be made.
    pub(super) fn includes(&self, group: Group) -> bool {
        match group {
            Group::Requests => self.may_write,
            _ if Group::OF_FILE.contains(&group) => false,
            _ if Group::OF_STACK.contains(&group) => self.has_stack,
            _ => true,
        }
    }
}

/// Returns the address of the gateway that received the request. Gateways admit only requests to a name
/// of this machine, and the client refuses other addresses without TLS.
fn own_url(request: &Request<Bytes>) -> Result<String, Problem> {
    let host = request.headers().get(HOST);
    let host = host.and_then(|value| value.to_str().ok());
    let authority = host.or_else(|| request.uri().authority().map(|it| it.as_str()));
    authority
        .map(|authority| format!("http://{authority}"))
        .ok_or_else(|| Problem::bad_request("The request has no `Host`."))
}

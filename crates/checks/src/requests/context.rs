//! What the checks by requests need.

use admin_client::AdminClient;

use crate::stack::Stack;

/// The routes that the checks call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOptions {
    /// The path of a route that the key of a client may call with `GET`.
    pub path: String,
    /// The path of a route whose backend returns the headers of each request.
    pub echo: Option<String>,
    /// The header with the API key. By default it is that of the stack, or else `x-api-key`.
    pub key_header: Option<String>,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            echo: None,
            key_header: None,
        }
    }
}

/// An API that is checked by requests.
pub struct Requests {
    pub(super) client: AdminClient,
    pub(super) options: RequestOptions,
    pub(super) stack: Option<Stack>,
}

impl Requests {
    /// Returns the context of the checks. `stack` is the stack of the API, if it is known.
    #[must_use]
    pub fn new(client: AdminClient, options: RequestOptions, stack: Option<Stack>) -> Self {
        Self {
            client,
            options,
            stack,
        }
    }
}

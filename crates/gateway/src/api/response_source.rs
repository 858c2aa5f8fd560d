//! The source of a response.

/// The part of the API that made a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseSource {
    /// API Gateway or the load balancer, such as a 401, a 404, or the 502 for a backend that
    /// refused the connection.
    #[default]
    Gateway,
    /// A listener rule of the load balancer, such as the 429 for a throttled request.
    Listener,
    /// The backend.
    Backend,
    /// A function behind a route.
    Function,
}

impl ResponseSource {
    /// Returns the name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Listener => "listener",
            Self::Backend => "backend",
            Self::Function => "function",
        }
    }
}

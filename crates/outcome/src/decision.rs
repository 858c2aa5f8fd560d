//! Decisions on requests.

words! {
    /// The decision on a request whose caller was identified.
    pub enum Decision {
        /// The request is within its limits, or has none.
        Allowed = "allowed",
        /// A limit is used up: 429.
        Throttled = "throttled",
        /// The limits could not be checked, and the plan refuses the request: 503.
        Unavailable = "unavailable",
        /// The limits could not be checked, and the plan allows the request.
        Degraded = "degraded",
        /// The caller may not call at all. Only the limiter's API returns it; the authorizer
        /// responds with 401 or 403 instead.
        Denied = "denied",
    }
}

impl Decision {
    /// The decisions that the authorizer's context can contain.
    pub const BY_AUTHORIZER: [Self; 4] = [
        Self::Allowed,
        Self::Throttled,
        Self::Unavailable,
        Self::Degraded,
    ];
}

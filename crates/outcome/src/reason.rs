//! Reasons of decisions and refusals.

words! {
    /// The reason why a request is allowed or refused.
    pub enum Reason {
        /// The request is allowed.
        Ok = "ok",
        /// The request has no credential that the rule accepts.
        MissingCredentials = "missing_credentials",
        /// The credential cannot be valid because of its form.
        MalformedCredentials = "malformed_credentials",
        /// The bearer token cannot be verified: its form, issuer, algorithm or signing key.
        InvalidToken = "invalid_token",
        /// The token is expired.
        TokenExpired = "token_expired",
        /// The signature does not match the signing key.
        InvalidSignature = "invalid_signature",
        /// Claims are missing, have the wrong type, or are for another audience.
        InvalidClaims = "invalid_claims",
        /// The API key does not exist.
        UnknownKey = "unknown_key",
        /// The API key is disabled.
        KeyDisabled = "key_disabled",
        /// The API key is expired.
        KeyExpired = "key_expired",
        /// The API key is not valid yet.
        KeyNotYetValid = "key_not_yet_valid",
        /// The API key may not be used from the address of the request.
        AddressNotAllowed = "address_not_allowed",
        /// An administrator has blocked the caller.
        Blocked = "blocked",
        /// The caller lacks a scope of the rule.
        InsufficientScope = "insufficient_scope",
        /// The caller has none of the roles of the rule.
        MissingRole = "missing_role",
        /// The token is valid, but the rule does not accept its issuer.
        IssuerNotAccepted = "issuer_not_accepted",
        /// The token names a plan that its issuer may not assert.
        PlanNotAllowed = "plan_not_allowed",
        /// No rule of the policy matches the method and the path.
        NoRule = "no_rule",
        /// The token names no plan, and the policy has no default plan; or the policy maps it to several.
        NoPlan = "no_plan",
        /// The caller's plan does not exist.
        UnknownPlan = "unknown_plan",
        /// The caller's plan is disabled.
        PlanDisabled = "plan_disabled",
        /// The token is in a cookie, and another site may have sent the request.
        CrossSite = "cross_site",
        /// The request did not come through the front that the policy requires.
        NotFromFront = "not_from_front",
        /// A header looks like one of those that backends trust.
        ForbiddenHeader = "forbidden_header",
        /// The method is not one of the usual methods in upper case.
        UnusualMethod = "unusual_method",
        /// A backend may read the path as one whose rule requires more.
        AmbiguousPath = "ambiguous_path",
        /// The path contains something that backends read in different ways.
        MalformedPath = "malformed_path",
        /// The plan can never allow the request.
        LimitImpossible = "limit_impossible",
        /// A rate limit is used up.
        RateExceeded = "rate_exceeded",
        /// A quota is used up.
        QuotaExceeded = "quota_exceeded",
        /// The request is over a limit of a plan that is a dry run, and therefore allowed.
        ShadowDenied = "shadow_denied",
        /// The issuer's signing keys, or the introspection server, cannot be reached.
        KeysUnavailable = "keys_unavailable",
        /// The store did not decide.
        StoreUnavailable = "store_unavailable",
        /// Tollgate failed.
        Fault = "fault",
    }
}

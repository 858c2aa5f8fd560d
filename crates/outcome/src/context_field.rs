//! The fields of the authorizer's context.

words! {
    /// A field of the authorizer's context, which mappings and the access log read as
    /// `$context.authorizer.NAME`.
    pub enum ContextField {
        /// The [`Decision`](crate::Decision).
        Decision = "decision",
        /// The [`Reason`](crate::Reason).
        Reason = "reason",
        /// The user: the subject of the token, key or certificate.
        UserId = "user_id",
        /// The issuer of the token or certificate.
        Issuer = "issuer",
        /// The verified email address of the token.
        Email = "email",
        /// The roles of the token, joined by commas.
        Roles = "roles",
        /// `true` if a limit is nearly used up.
        NearLimit = "near_limit",
        /// `true` if the call is beyond a quota that allows overage.
        OverQuota = "over_quota",
        /// The id of the API key.
        KeyId = "key_id",
        /// The caller that is charged, as in usage items: `key#ID`, `sub#HASH`, `cert#HASH`,
        /// `ip#ADDRESS#PLAN`, `group#NAME` or `plan#NAME`.
        Caller = "caller",
        /// The usage plan.
        Plan = "plan",
        /// The scopes of the token or key, joined by spaces.
        Scopes = "scopes",
        /// The kind of credential.
        Auth = "auth",
        /// The route of the policy's rule or of the plan's route limit.
        Route = "route",
        /// The address of the client, as the front of the policy names it.
        ClientIp = "client_ip",
        /// The id of the request.
        RequestId = "request_id",
        /// The duration of the authorization in milliseconds.
        AuthorizerMs = "authorizer_ms",
        /// The value of the `RateLimit-Policy` header.
        RatelimitPolicy = "ratelimit_policy",
        /// The value of the `RateLimit` header.
        Ratelimit = "ratelimit",
        /// The calls in the window of the limit nearest its end.
        Limit = "limit",
        /// The calls left of that limit.
        Remaining = "remaining",
        /// The seconds until that limit has more calls.
        Reset = "reset",
        /// The seconds after which a refused request may be repeated.
        RetryAfter = "retry_after",
        /// The name of the limit that refuses the request. Of several, the one that lasts longest.
        Violated = "violated",
        /// The id of the trace that the request belongs to.
        TraceId = "trace_id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BACKEND_HEADERS;

    #[test]
    fn the_reference_lists_every_field_and_header() {
        let page = include_str!("../../../docs/reference/context.md");
        let first_cells: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split(" |").next())
            .collect();
        let is_listed = |name: &str| {
            let quoted = format!("`{name}`");
            let listed = |cell: &&str| format!("`{cell}").split(", ").any(|item| item == quoted);
            first_cells.iter().any(listed)
        };

        for name in ContextField::ALL.map(ContextField::as_str) {
            assert!(is_listed(name), "{name}");
        }
        for name in BACKEND_HEADERS {
            assert!(is_listed(name), "{name}");
        }
    }
}

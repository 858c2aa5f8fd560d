//! Plugins by their effect on access. A plugin that is not listed may restrict access.

/// The effect of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is converted.
    Converted,
    /// It does not restrict access. Contains what to do instead.
    Harmless(&'static str),
    /// It refuses some requests, whoever sends them. Contains what to do instead.
    Filter(&'static str),
    /// It decides who has access, or may do so.
    Guard,
}

const OBSERVATION: &str = "logs, metrics and traces are configured in the stack";
const REWRITING: &str = "Tollgate does not change requests and responses in this way";
const INTEGRATION: &str = "the integration of the API or the service has to do this";

const PLUGINS: [(&str, Effect); 66] = [
    ("acl", Effect::Converted),
    ("ip-restriction", Effect::Converted),
    ("jwt", Effect::Converted),
    ("key-auth", Effect::Converted),
    ("rate-limiting", Effect::Converted),
    ("rate-limiting-advanced", Effect::Converted),
    ("request-termination", Effect::Converted),
    (
        "acme",
        Effect::Harmless("certificates belong to the custom domain"),
    ),
    ("ai-proxy", Effect::Harmless(INTEGRATION)),
    ("ai-proxy-advanced", Effect::Harmless(INTEGRATION)),
    ("aws-lambda", Effect::Harmless(INTEGRATION)),
    ("azure-functions", Effect::Harmless(INTEGRATION)),
    (
        "canary",
        Effect::Harmless("use weighted target groups of the load balancer"),
    ),
    (
        "correlation-id",
        Effect::Harmless("the service receives `x-request-id`"),
    ),
    (
        "cors",
        Effect::Harmless("configure CORS in the API or in the service"),
    ),
    ("datadog", Effect::Harmless(OBSERVATION)),
    ("degraphql", Effect::Harmless(INTEGRATION)),
    ("exit-transformer", Effect::Harmless(REWRITING)),
    ("file-log", Effect::Harmless(OBSERVATION)),
    ("forward-proxy", Effect::Harmless(INTEGRATION)),
    ("grpc-gateway", Effect::Harmless(INTEGRATION)),
    ("grpc-web", Effect::Harmless(INTEGRATION)),
    ("http-log", Effect::Harmless(OBSERVATION)),
    ("jq", Effect::Harmless(REWRITING)),
    ("kafka-log", Effect::Harmless(OBSERVATION)),
    ("kafka-upstream", Effect::Harmless(INTEGRATION)),
    ("loggly", Effect::Harmless(OBSERVATION)),
    ("mocking", Effect::Harmless(INTEGRATION)),
    ("opentelemetry", Effect::Harmless(OBSERVATION)),
    ("prometheus", Effect::Harmless(OBSERVATION)),
    (
        "proxy-cache",
        Effect::Harmless("use CloudFront for caching"),
    ),
    (
        "proxy-cache-advanced",
        Effect::Harmless("use CloudFront for caching"),
    ),
    ("redirect", Effect::Harmless(INTEGRATION)),
    ("request-transformer", Effect::Harmless(REWRITING)),
    ("request-transformer-advanced", Effect::Harmless(REWRITING)),
    ("response-transformer", Effect::Harmless(REWRITING)),
    ("response-transformer-advanced", Effect::Harmless(REWRITING)),
    ("route-by-header", Effect::Harmless(INTEGRATION)),
    ("route-transformer-advanced", Effect::Harmless(REWRITING)),
    (
        "session",
        Effect::Harmless(
            "requests need a key or a token, and cookies of the session are not accepted",
        ),
    ),
    ("solace-upstream", Effect::Harmless(INTEGRATION)),
    ("statsd", Effect::Harmless(OBSERVATION)),
    ("statsd-advanced", Effect::Harmless(OBSERVATION)),
    ("syslog", Effect::Harmless(OBSERVATION)),
    ("tcp-log", Effect::Harmless(OBSERVATION)),
    ("udp-log", Effect::Harmless(OBSERVATION)),
    ("upstream-oauth", Effect::Harmless(INTEGRATION)),
    ("upstream-timeout", Effect::Harmless(INTEGRATION)),
    ("zipkin", Effect::Harmless(OBSERVATION)),
    (
        "ai-rate-limiting-advanced",
        Effect::Filter("a limit by tokens of a language model is not supported"),
    ),
    (
        "ai-prompt-guard",
        Effect::Filter("the service has to check prompts"),
    ),
    (
        "ai-semantic-prompt-guard",
        Effect::Filter("the service has to check prompts"),
    ),
    (
        "ai-azure-content-safety",
        Effect::Filter("the service has to check prompts"),
    ),
    (
        "bot-detection",
        Effect::Filter("use AWS WAF on a CloudFront distribution in front of the API"),
    ),
    (
        "graphql-rate-limiting-advanced",
        Effect::Filter("the cost of a GraphQL query is not known to Tollgate"),
    ),
    (
        "injection-protection",
        Effect::Filter("use AWS WAF on a CloudFront distribution in front of the API"),
    ),
    (
        "json-threat-protection",
        Effect::Filter("the service has to check the size of documents"),
    ),
    (
        "oas-validation",
        Effect::Filter("the service has to validate requests"),
    ),
    (
        "request-size-limiting",
        Effect::Filter("API Gateway accepts 10 MB, and the service has to check smaller sizes"),
    ),
    (
        "request-validator",
        Effect::Filter("the service has to validate requests"),
    ),
    (
        "response-ratelimiting",
        Effect::Filter("limits by headers of responses are not supported; `cost` weighs a route"),
    ),
    (
        "service-protection",
        Effect::Filter("limit callers by plans instead"),
    ),
    (
        "websocket-size-limit",
        Effect::Filter("HTTP APIs have no WebSockets"),
    ),
    (
        "websocket-validator",
        Effect::Filter("HTTP APIs have no WebSockets"),
    ),
    (
        "xml-threat-protection",
        Effect::Filter("the service has to check the size of documents"),
    ),
    (
        "graphql-proxy-cache-advanced",
        Effect::Harmless("use CloudFront for caching"),
    ),
];

/// Returns the effect of a plugin.
pub(super) fn effect(name: &str) -> Effect {
    PLUGINS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(Effect::Guard, |(_, effect)| *effect)
}

//! The recorded answers that tests of this group change.

/// The API of the recorded stack.
pub(super) const API: &str = "apigateway.GET@apis~a1b2c3d4e5.json";
pub(super) const ROUTES: &str = "apigateway.GET@apis~a1b2c3d4e5~routes.json";
pub(super) const INTEGRATIONS: &str = "apigateway.GET@apis~a1b2c3d4e5~integrations.json";
pub(super) const AUTHORIZERS: &str = "apigateway.GET@apis~a1b2c3d4e5~authorizers.json";
pub(super) const STAGES: &str = "apigateway.GET@apis~a1b2c3d4e5~stages.json";
pub(super) const DEPLOYMENTS: &str = "apigateway.GET@apis~a1b2c3d4e5~deployments.json";
pub(super) const DOMAIN: &str = "apigateway.GET@domainnames~api.example.com.json";
pub(super) const MAPPINGS: &str = "apigateway.GET@domainnames~api.example.com~apimappings.json";
pub(super) const AUTHORIZER_POLICY: &str =
    "lambda.GET@tollgate-AuthorizerFunction-AbCdEfGh~policy.json";
pub(super) const LIMITER_POLICY: &str = "lambda.GET@tollgate-LimiterFunction-AbCdEfGh~policy.json";

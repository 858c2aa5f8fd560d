//! `mappings`: prints what an API of the user's own needs, in the formats of several tools.
//!
//! Everything is read from the template, so that the output and the template cannot differ.

mod cdk;
mod openapi;
mod sam;
mod terraform;
mod yaml;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{Mappings as Options, MappingsFormat};
use crate::fail;
use crate::template::{EvaluationError, evaluate_file};

/// The placeholder for a value in secrets manager that only CloudFormation can read.
const DYNAMIC_REFERENCE: &str = "{{resolve:";

/// The reasons why there is no output.
#[derive(Debug, thiserror::Error)]
enum MappingsError {
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error("the template has no `{0}` for these parameters")]
    Missing(String),
}

/// What an API needs to use the authorizer and the limiter.
#[derive(Debug)]
struct Mappings {
    protected: Integration,
    public: Integration,
    limiter_timeout_ms: u64,
    routes: Vec<Route>,
}

/// The mappings of an HTTP integration, from destinations to sources.
#[derive(Debug)]
struct Integration {
    request: BTreeMap<String, String>,
    /// The mappings of responses by status code.
    response: BTreeMap<String, BTreeMap<String, String>>,
    timeout_ms: u64,
}

/// A route of the limiter.
#[derive(Debug)]
struct Route {
    /// The resource in the template.
    name: String,
    key: String,
    authorization: Authorization,
}

/// The authorization of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authorization {
    None,
    Iam,
    Authorizer,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    match print(options) {
        Ok(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn print(options: &Options) -> Result<String, MappingsError> {
    let evaluated = evaluate_file(&options.template, &options.parameters)?;
    // Rules are not checked: the mappings do not depend on the parameters of the network.
    let mappings = Mappings::read(&evaluated["Resources"])?;

    Ok(match options.format {
        MappingsFormat::Sam => sam::text(&mappings),
        MappingsFormat::Terraform => terraform::text(&mappings),
        MappingsFormat::Cdk => cdk::text(&mappings),
        MappingsFormat::Openapi => openapi::text(&mappings),
    })
}

impl Mappings {
    /// Reads the mappings from the evaluated resources of the template.
    fn read(resources: &Value) -> Result<Self, MappingsError> {
        let limiter = properties(resources, "LimiterIntegration")?;

        Ok(Self {
            protected: Integration::read(properties(resources, "ProtectedIntegration")?),
            public: Integration::read(properties(resources, "PublicIntegration")?),
            limiter_timeout_ms: timeout_ms(limiter),
            routes: limiter_routes(resources),
        })
    }
}

impl Integration {
    fn read(properties: &Value) -> Self {
        let by_status = entries(&properties["ResponseParameters"]).map(|(status, mappings)| {
            let mappings = mappings["ResponseParameters"].as_array();
            let mappings = mappings.into_iter().flatten().map(|mapping| {
                let text = |field: &str| mapping[field].as_str().unwrap_or_default().to_owned();
                (text("Destination"), text("Source"))
            });
            (status.clone(), mappings.collect())
        });

        Self {
            request: entries(&properties["RequestParameters"])
                .filter_map(|(name, source)| Some((name.clone(), source.as_str()?.to_owned())))
                .collect(),
            response: by_status.collect(),
            timeout_ms: timeout_ms(properties),
        }
    }

    /// Returns the same integration with another source in place of a dynamic reference, which only
    /// CloudFormation can resolve.
    fn with_dynamic_reference(&self, source: &str) -> BTreeMap<String, String> {
        let replaced = self.request.iter().map(|(name, value)| {
            let value = if value.starts_with(DYNAMIC_REFERENCE) {
                source
            } else {
                value
            };
            (name.clone(), value.to_owned())
        });
        replaced.collect()
    }

    /// True if a value is a dynamic reference.
    fn has_dynamic_reference(&self) -> bool {
        let mut values = self.request.values();
        values.any(|value| value.starts_with(DYNAMIC_REFERENCE))
    }
}

impl Route {
    /// Returns the method in lower case as in OpenAPI, and the path.
    fn method_and_path(&self) -> (String, &str) {
        let (method, path) = self.key.split_once(' ').unwrap_or(("ANY", &self.key));
        let method = match method {
            "ANY" => "x-amazon-apigateway-any-method".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        (method, path)
    }
}

fn properties<'r>(resources: &'r Value, name: &str) -> Result<&'r Value, MappingsError> {
    resources
        .get(name)
        .map(|resource| &resource["Properties"])
        .ok_or_else(|| MappingsError::Missing(name.to_owned()))
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Returns the timeout of an integration. The default of API Gateway is 30 s.
fn timeout_ms(properties: &Value) -> u64 {
    let timeout = &properties["TimeoutInMillis"];
    timeout
        .as_u64()
        .or_else(|| timeout.as_str()?.parse().ok())
        .unwrap_or(30_000)
}

fn limiter_routes(resources: &Value) -> Vec<Route> {
    let routes = entries(resources).filter_map(|(name, resource)| {
        let properties = &resource["Properties"];
        let is_limiters = resource["Type"] == "AWS::ApiGatewayV2::Route"
            && properties["Target"]
                .to_string()
                .contains("LimiterIntegration");
        is_limiters.then(|| Route {
            name: name.clone(),
            key: properties["RouteKey"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            authorization: match properties["AuthorizationType"].as_str() {
                Some("NONE") => Authorization::None,
                Some("AWS_IAM") => Authorization::Iam,
                // Any other type is closed to clients without credentials.
                _ => Authorization::Authorizer,
            },
        })
    });
    routes.collect()
}

//! Introspection as the policy writes it down.

use jiff::SignedDuration;
use serde::Deserialize;

use crate::bearer::Reading;
use crate::introspection::Server;
use crate::key_source::trusted_address;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntrospectionDocument {
    endpoint: String,
    client_id: String,
    client_secret: String,
    #[serde(default = "default_cache")]
    cache_s: u32,
    issuer: Option<String>,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default = "default_user_claim")]
    user_claim: String,
    plan_claim: Option<String>,
    default_plan: Option<String>,
}

/// Without the secret.
impl std::fmt::Debug for IntrospectionDocument {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IntrospectionDocument").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A token that was revoked serves for as long.
const LONGEST_CACHE_S: u32 = 3_600;

fn default_cache() -> u32 {
    300
}

fn default_user_claim() -> String {
    "sub".to_owned()
}

/// Whoever writes policies says where the secret is sent, and may not say so of the function's own credentials.
fn is_for_secrets(name: &str) -> bool {
    !["AWS_", "LAMBDA_", "_"].iter().any(|prefix| name.to_ascii_uppercase().starts_with(prefix))
}

impl IntrospectionDocument {
    /// The plan of tokens whose response names none.
    pub(crate) fn default_plan(&self) -> Option<&str> {
        self.default_plan.as_deref()
    }

    /// The server, or which member cannot be and why. `env:NAME` stands for what `lookup` has there.
    pub(crate) fn check(
        self,
        tolerance_s: i64,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Server, (&'static str, String)> {
        let endpoint =
            trusted_address(&self.endpoint).map_err(|why| ("endpoint", format!("`{}` {why}", self.endpoint)))?;
        let client_secret = match self.client_secret.strip_prefix("env:") {
            Some(name) if !is_for_secrets(name) => {
                return Err(("client_secret", format!("{name} is a variable of Lambda's own")));
            }
            Some(name) => lookup(name).ok_or_else(|| ("client_secret", format!("the variable {name} is not set")))?,
            None => self.client_secret,
        };
        if self.client_id.is_empty() || client_secret.is_empty() {
            return Err((
                "client_secret",
                "is empty, or `client_id` is: a server answers clients that it knows".to_owned(),
            ));
        }
        if self.cache_s > LONGEST_CACHE_S {
            return Err(("cache_s", format!("{} is more than {LONGEST_CACHE_S}", self.cache_s)));
        }
        if self.plan_claim.is_none() && self.default_plan.is_none() {
            return Err(("default_plan", "is missing, and so is `plan_claim`: no token would have a plan".to_owned()));
        }
        let reading =
            Reading { user_claim: self.user_claim, plan_claim: self.plan_claim, default_plan: self.default_plan };
        Ok(Server {
            endpoint,
            client_id: self.client_id,
            client_secret,
            cached_for: SignedDuration::from_secs(self.cache_s.into()),
            issuer: self.issuer,
            audiences: self.audiences,
            reading,
            tolerance_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn checked(member: &str, value: Value) -> Result<Server, String> {
        let mut document = json!({"endpoint": "https://a/introspect", "client_id": "c", "client_secret": "env:SECRET", "default_plan": "free"});
        document[member] = value;
        let document: IntrospectionDocument = serde_json::from_value(document).map_err(|error| error.to_string())?;
        let lookup = |name: &str| (name == "SECRET").then(|| "hush".to_owned());
        document.check(30, &lookup).map_err(|(member, why)| format!("{member}: {why}"))
    }

    #[test]
    fn a_secret_comes_from_the_policy_or_from_a_variable() {
        assert_eq!(checked("cache_s", json!(0)).unwrap().client_secret, "hush");
        assert_eq!(checked("client_secret", json!("s")).unwrap().client_secret, "s");
    }

    #[test]
    fn every_contradiction_names_its_member_and_never_the_secret() {
        for (member, value, named) in [
            ("endpoint", json!("http://a/introspect"), "endpoint: `http://a/introspect` is not https"),
            ("client_secret", json!("env:OTHER"), "client_secret: the variable OTHER is not set"),
            ("client_secret", json!(""), "client_secret: is empty"),
            (
                "client_secret",
                json!("env:AWS_SECRET_ACCESS_KEY"),
                "client_secret: AWS_SECRET_ACCESS_KEY is a variable of",
            ),
            ("client_secret", json!("env:aws_session_token"), "client_secret: aws_session_token is a variable of"),
            ("client_secret", json!("env:_X_AMZN_TRACE_ID"), "client_secret: _X_AMZN_TRACE_ID is a variable of"),
            ("cache_s", json!(3_601), "cache_s: 3601 is more than 3600"),
            ("default_plan", Value::Null, "default_plan: is missing"),
            ("other", json!(1), "unknown field `other`"),
        ] {
            let error = checked(member, value).expect_err(named);
            assert!(error.starts_with(named) && !error.contains("hush"), "{error}");
        }
    }
}

//! The parameters and outputs of the stack of an API.

use std::collections::BTreeMap;

use checks::aws::{Account, Call, Service, Unread, array, text};
use policy::{stored_policy_name, without_literal_secrets};
use serde_json::Value;

use crate::policy_text::PolicyText;
use crate::target::PolicyOrigin;

/// The value that CloudFormation shows instead of a parameter with `NoEcho`.
const HIDDEN: &str = "****";

/// The parameters and outputs of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StackSettings {
    pub(crate) name: String,
    parameters: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
}

impl StackSettings {
    /// Reads a stack. `name` is its name or its ARN.
    ///
    /// # Errors
    /// [`Unread`] if the stack cannot be read.
    pub(crate) async fn read(account: &Account, name: &str) -> Result<Self, Unread> {
        let fields = [("StackName", name)];
        let call = Call::query(Service::CloudFormation, "DescribeStacks", &fields);
        let response = account.read(&call).await?;
        let stack = &response["DescribeStacksResult"]["Stacks"][0];
        Ok(Self {
            name: text(&stack["StackName"]).to_owned(),
            parameters: pairs(&stack["Parameters"], "ParameterKey", "ParameterValue"),
            outputs: pairs(&stack["Outputs"], "OutputKey", "OutputValue"),
        })
    }

    /// Returns an output, or `None` if it does not exist or is empty.
    pub(crate) fn output(&self, name: &str) -> Option<&str> {
        let value = self.outputs.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Returns a parameter, or `None` if it does not exist or is empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.parameters.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// True if the stack publishes metrics of its own.
    pub(crate) fn publishes_metrics(&self) -> bool {
        matches!(self.parameter("PublishMetrics"), Some("true" | "once"))
    }

    /// Returns the namespace of these metrics.
    pub(crate) fn metrics_namespace(&self) -> String {
        let named = self.parameter("MetricsNamespace");
        named.map_or_else(|| format!("Tollgate/{}", self.name), str::to_owned)
    }

    /// Returns the ID and the stage of the API.
    pub(crate) fn api(&self) -> Option<(&str, &str)> {
        let stage = self.parameter("HttpApiStage").unwrap_or("$default");
        Some((self.output("ApiId")?, stage))
    }

    /// Returns the place of the policy.
    pub(crate) fn policy_origin(&self) -> PolicyOrigin {
        let setting = self.parameter("AuthPolicy").unwrap_or_default();
        match stored_policy_name(setting) {
            Some(name) => PolicyOrigin::Table(name.to_owned()),
            None => PolicyOrigin::Template(format!("parameters of stack {}", self.name)),
        }
    }

    /// Returns the policy that the parameter `AuthPolicy` contains. References to secrets stay
    /// references.
    pub(crate) fn policy(&self) -> PolicyText {
        let setting = self.parameter("AuthPolicy");
        let text = setting.filter(|text| *text != HIDDEN && stored_policy_name(text).is_none());
        PolicyText::new(self.policy_origin(), text.map(without_literal_secrets))
    }
}

fn pairs(list: &Value, key: &str, value: &str) -> BTreeMap<String, String> {
    array(list)
        .iter()
        .map(|pair| (text(&pair[key]).to_owned(), text(&pair[value]).to_owned()))
        .collect()
}

#[cfg(test)]
impl StackSettings {
    /// Returns a stack with parameters and outputs.
    pub(crate) fn of(parameters: &[(&str, &str)], outputs: &[(&str, &str)]) -> Self {
        let owned = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        Self {
            name: "shop".to_owned(),
            parameters: owned(parameters),
            outputs: owned(outputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(setting: &str) -> Value {
        let stack = StackSettings::of(&[("AuthPolicy", setting)], &[]);
        serde_json::to_value(stack.policy()).unwrap()
    }

    #[test]
    fn policy_is_named_or_shown_without_secrets() {
        assert_eq!(
            policy("table:edge"),
            json!({"source": {"kind": "table", "name": "edge"}, "name": "edge"})
        );
        let source = json!({"kind": "template", "name": "parameters of stack shop"});
        assert_eq!(policy(""), json!({ "source": source }));
        assert_eq!(policy("****"), json!({ "source": source }));
        assert_eq!(
            policy(r#"{"rules":[]}"#),
            json!({"source": source, "text": r#"{"rules":[]}"#})
        );
        let reference = r#"{"introspection":{"client_secret":"ssm:/idp"},"rules":[]}"#;
        assert_eq!(policy(reference)["text"], reference);
        let literal = policy(r#"{"introspection":{"client_secret":"hush"},"rules":[]}"#);
        assert!(!literal.to_string().contains("hush"), "{literal}");
    }

    #[test]
    fn namespace_and_stage_have_defaults() {
        let stack = StackSettings::of(&[("MetricsNamespace", "")], &[("ApiId", "a1")]);
        assert_eq!(stack.metrics_namespace(), "Tollgate/shop");
        assert_eq!(stack.api(), Some(("a1", "$default")));
        let parameters = [("MetricsNamespace", "Shop"), ("HttpApiStage", "prod")];
        let stack = StackSettings::of(&parameters, &[("ApiId", "a1")]);
        assert_eq!(stack.metrics_namespace(), "Shop");
        assert_eq!(stack.api(), Some(("a1", "prod")));
        assert_eq!(StackSettings::of(&[], &[("ApiId", "")]).api(), None);
    }
}

//! The layer with certificate authorities.

use serde_json::Value;

use crate::aws::{Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::function::{Function, authorizer};

const CHECK: Check = Check {
    id: "ca-layer",
    group: Group::Functions,
    title: "The authorizer has the layer with certificate authorities, and no other layers",
    explanation: "With `CaBundleLayerArn`, the authorizer reads its additional certificate \
                  authorities from a layer. Without the layer it does not start, and every request \
                  fails with 500. Layers that were added by hand run with the permissions of the \
                  authorizer.",
    fix: "Deploy again with `CaBundleLayerArn`. Remove layers that were added by hand, or accept \
          the warning.",
    permissions: &["lambda:GetFunctionConfiguration"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let expected = stack.parameter("CaBundleLayerArn");
    let function = authorizer(stack)?;
    let mut findings = Findings::default();
    let read = function.configuration(stack).await;
    Ok(match findings.take(&function.to_string(), read) {
        Some(configuration) => decide(&function, &expected, &configuration["Layers"]),
        None => findings.into_verdict(),
    })
}

fn decide(function: &Function<'_>, expected: &str, layers: &Value) -> Verdict {
    let layers: Vec<&str> = array(layers)
        .iter()
        .map(|layer| text(&layer["Arn"]))
        .collect();
    if expected.is_empty() && layers.is_empty() {
        return Verdict::not_applicable(
            "CaBundleLayerArn is empty, and the authorizer has no layers",
        );
    }

    let mut findings = Findings::default();
    if !expected.is_empty() && !layers.contains(&expected) {
        findings.problem(format!("{function} does not have the layer {expected}"));
    }
    for layer in layers.iter().filter(|layer| **layer != expected) {
        findings.warning(format!(
            "{function} has the layer {layer}, which the template does not set"
        ));
    }
    findings.verdict(format!("{function} has the layer {expected}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const AUTHORIZER: &str = "lambda.GET@AuthorizerFunction-AbCdEfGh~configuration.json";
    const LAYER: &str = "arn:aws:lambda:eu-west-1:111122223333:layer:ca:2";
    const NAME: &str = "function tollgate-AuthorizerFunction-AbCdEfGh:live";

    fn with_layers(recorded: Recorded, layers: &[&str]) -> Recorded {
        recorded.with(AUTHORIZER, |text| {
            let mut configuration: Value = serde_json::from_str(text).unwrap();
            let layer = |arn: &&str| json!({"Arn": arn, "CodeSize": 4096});
            configuration["Layers"] = layers.iter().map(layer).collect();
            configuration.to_string()
        })
    }

    fn with_parameter() -> Recorded {
        Recorded::healthy().with_parameter("CaBundleLayerArn", LAYER)
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn attached_layer_passes() {
        let verdict = verdict(with_layers(with_parameter(), &[LAYER])).await;
        assert_eq!(
            verdict,
            Verdict::ok(format!("{NAME} has the layer {LAYER}"))
        );
    }

    #[tokio::test]
    async fn no_layer_is_not_applicable() {
        assert_eq!(
            verdict(Recorded::healthy()).await.status,
            Status::NotApplicable
        );
    }

    #[tokio::test]
    async fn missing_layer_and_its_earlier_version_are_named() {
        let earlier = "arn:aws:lambda:eu-west-1:111122223333:layer:ca:1";
        let verdict = verdict(with_layers(with_parameter(), &[earlier])).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                format!("{NAME} does not have the layer {LAYER}"),
                format!("{NAME} has the layer {earlier}, which the template does not set"),
            ]
        );
    }

    #[tokio::test]
    async fn layer_that_was_added_by_hand_needs_attention() {
        let verdict = verdict(with_layers(Recorded::healthy(), &[LAYER])).await;
        assert_eq!(verdict.status, Status::Warning);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(AUTHORIZER)).await;
        assert_eq!(
            verdict,
            Verdict::not_checked("needs lambda:GetFunctionConfiguration")
        );
    }
}
